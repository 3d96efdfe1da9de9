package html

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

var update = flag.Bool("update", false, "write the pictures of docs/outputs.md")

// docs is where the pictures are that a page of the documentation shows.
const docs = "../../docs/pictures/"

// most is how much of a picture may differ from the one in the documentation: browsers draw letters a little
// differently. A page with another finding, or other colors, differs in more.
const most = 0.02

// TestPicture: the picture of the page in docs/outputs.md is what the browser shows of the recorded cluster, in the light
// and in the dark.
func TestPicture(t *testing.T) {
	browser := start(t)
	plugin, file := filepath.Join(t.TempDir(), "plugin"), filepath.Join(t.TempDir(), "page.html")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", plugin, "./cmd/kubectl-sidecar")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	doctor := exec.Command(plugin, "doctor", "-f", "docs/examples/demo.yaml", "-o", "html="+file)
	doctor.Dir = "../.."
	var exit *exec.ExitError
	if out, err := doctor.CombinedOutput(); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 3) {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, scheme := range map[string]string{"page.png": "light", "page-dark.png": "dark"} {
		shot := show(t, browser, file, scheme)
		if *update {
			if err := os.WriteFile(docs+name, shot, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		have, err := os.ReadFile(docs + name)
		if err != nil {
			t.Fatal(err)
		}
		if part := differing(t, have, shot); part > most {
			t.Errorf("%s: %.1f%% of it look different now: go test -run TestPicture -update, and look at it", name, 100*part)
		}
	}
}

// show is what a browser shows of a page without scrolling.
func show(t *testing.T, browser context.Context, file, scheme string) []byte {
	t.Helper()
	tab, closeTab := chromedp.NewContext(browser)
	defer closeTab()
	tab, cancel := context.WithTimeout(tab, deadline)
	defer cancel()
	var shot []byte
	if err := chromedp.Run(tab,
		emulation.SetDeviceMetricsOverride(1000, 760, 1, false),
		emulation.SetEmulatedMedia().WithMedia("screen").WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
		chromedp.Navigate("file://"+file),
		chromedp.CaptureScreenshot(&shot),
	); err != nil {
		t.Fatal(err)
	}
	return shot
}

// differing is the part of the points that are not the same in two pictures.
func differing(t *testing.T, a, b []byte) float64 {
	t.Helper()
	x, y := decode(t, a), decode(t, b)
	if x.Bounds() != y.Bounds() {
		return 1
	}
	n := 0
	for row := range x.Bounds().Dy() {
		for column := range x.Bounds().Dx() {
			r1, g1, b1, _ := x.At(column, row).RGBA()
			r2, g2, b2, _ := y.At(column, row).RGBA()
			if far(r1, r2) || far(g1, g2) || far(b1, b2) {
				n++
			}
		}
	}
	return float64(n) / float64(x.Bounds().Dx()*x.Bounds().Dy())
}

// far reports whether two values of a color, of 65535, differ by what the eye sees.
func far(a, b uint32) bool { return max(a, b)-min(a, b) > 65535/6 }

func decode(t *testing.T, data []byte) image.Image {
	t.Helper()
	out, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return out
}
