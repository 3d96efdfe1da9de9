// Package html opens the pages of -o html in a real browser, on a desk, on a phone, in the dark and
// on paper. It is a module of its own: the browser's driver is nothing that the plugin is built with.
package html

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

//go:embed audit.js
var audit string

// pages are the golden files of pkg/report, hostile ones among them.
const pages = "../../pkg/print/testdata/*/page.html"

// A place is where a page is read.
type place struct {
	name          string
	width, height int64
	scheme, media string
}

var places = []place{
	{"desk", 1100, 900, "light", "screen"},
	{"desk-dark", 1100, 900, "dark", "screen"},
	{"tablet", 820, 1100, "light", "screen"},
	{"window", 980, 700, "dark", "screen"},
	{"phone", 390, 844, "light", "screen"},
	{"phone-dark", 390, 844, "dark", "screen"},
	{"paper", 718, 1000, "light", "print"}, // A4 less its margins
}

// deadline is for one page in one place, on a machine that does much else.
const deadline = 10 * time.Minute

// TestPages: in no place does a page ask for anything, run anything, scroll sideways or say something
// by colour alone; text can be told from what is behind it (WCAG 2.1, AA), and headings are in order.
func TestPages(t *testing.T) {
	browser := start(t)
	files, err := filepath.Glob(pages)
	if err != nil || len(files) < 5 {
		t.Fatalf("%d pages: %v", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file))
		for _, p := range places {
			t.Run(name+"/"+p.name, func(t *testing.T) {
				for _, fault := range look(t, browser, file, p, name) {
					t.Error(fault)
				}
			})
		}
	}
}

// TestFaultsAreSeen: a page with every fault that the test looks for.
func TestFaultsAreSeen(t *testing.T) {
	browser := start(t)
	good, err := os.ReadFile("../../pkg/print/testdata/markup/page.html")
	if err != nil {
		t.Fatal(err)
	}
	for want, bad := range map[string]string{
		"asks for":           `<img src="https://evil.example/x.png">`,
		"the browser says":   `<script>alert(1)</script>`,
		"element":            `<form></form>`,
		"attribute":          `<p onclick="x()">x</p>`,
		"link":               `<a href="https://evil.example/">x</a>`,
		"is wider":           `<p style="width:3000px">x</p>`,
		"contrast":           `<p style="color:#888;background:#999">faint</p>`,
		"heading":            `<h5>x</h5>`,
		"by colour alone":    `<span class="badge error"></span>`,
		"a picture has no ":  `<svg width="9" height="9"></svg>`,
		"the same id twice:": `<p id="x">a</p><p id="x">b</p>`,
	} {
		file := filepath.Join(t.TempDir(), "page.html")
		text := strings.Replace(string(good), "</main>", bad+"</main>", 1)
		if want == "asks for" { // which the page's own policy would refuse
			text = strings.Replace(text, "default-src 'none'", "default-src *", 1)
			text = strings.Replace(text, "img-src data:", "img-src *", 1)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if faults := look(t, browser, file, places[4], ""); !strings.Contains(strings.Join(faults, "\n"), want) {
			t.Errorf("%s: not seen; seen: %v", bad, faults)
		}
	}
}

// start runs a browser that has no profile and asks for nothing by itself.
func start(t *testing.T) context.Context {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("no Chromium: hack/packages.sh installs it")
		}
		t.Skip("no Chromium: hack/packages.sh installs it")
	}
	profile, err := os.MkdirTemp("", "html-profile-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(profile) }) // what the browser writes after its end is no fault of a page
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.UserDataDir(profile),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.WSURLReadTimeout(deadline))
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	browser, stopBrowser := chromedp.NewContext(allocator)
	t.Cleanup(stopBrowser)
	t.Cleanup(func() { _ = chromedp.Cancel(browser) }) // waits for its end; there is nothing to do about an error
	if err := chromedp.Run(browser); err != nil {
		t.Fatalf("starting %s: %v", program, err)
	}
	return browser
}

// A witness notes what a page does.
type witness struct {
	sync.Mutex
	faults []string
}

func (w *witness) say(format string, args ...any) {
	w.Lock()
	defer w.Unlock()
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

// listen notes requests, complaints of the browser, and what a script did.
func (w *witness) listen(event any) {
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if url := e.Request.URL; !strings.HasPrefix(url, "file:///") && !strings.HasPrefix(url, "data:") {
			w.say("the page asks for %s", url)
		}
	case *log.EventEntryAdded:
		w.say("the browser says: %s", e.Entry.Text)
	case *runtime.EventExceptionThrown:
		w.say("a script failed: %s", e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		w.say("a script wrote to the console")
	case *page.EventJavascriptDialogOpening:
		w.say("a script opened a dialog: %s", e.Message)
	}
}

// look opens a page in a place, and returns what is wrong with it there.
func look(t *testing.T, browser context.Context, file string, p place, name string) []string {
	t.Helper()
	path, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	tab, closeTab := chromedp.NewContext(browser)
	defer closeTab()
	tab, cancel := context.WithTimeout(tab, deadline)
	defer cancel()
	seen := &witness{}
	chromedp.ListenTarget(tab, seen.listen)
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: p.scheme}}
	var asOpened, unfolded []string
	var shot []byte
	if err := chromedp.Run(tab, network.Enable(), log.Enable(),
		emulation.SetDeviceMetricsOverride(p.width, p.height, 1, p.width < 500),
		emulation.SetEmulatedMedia().WithMedia(p.media).WithFeatures(features),
		chromedp.Navigate("file://"+path),
		chromedp.Evaluate(audit, &asOpened),
		picture(name, &shot),
		chromedp.Evaluate(`document.querySelectorAll("details").forEach(d => d.open = true)`, nil),
		chromedp.Evaluate(audit, &unfolded),
	); err != nil {
		t.Fatalf("opening %s: %v", file, err)
	}
	keep(t, name+"-"+p.name+".png", shot)
	seen.Lock()
	defer seen.Unlock()
	return append(append(seen.faults, asOpened...), unfolded...)
}

// pictures is the folder for what is seen, to be looked at by people; empty for none.
var pictures = os.Getenv("PICTURES")

// picture takes one where it is wanted.
func picture(name string, shot *[]byte) chromedp.Action {
	if pictures == "" || name == "" {
		return chromedp.ActionFunc(func(context.Context) error { return nil })
	}
	return chromedp.FullScreenshot(shot, 100)
}

// keep writes it.
func keep(t *testing.T, name string, data []byte) {
	t.Helper()
	if pictures == "" || data == nil {
		return
	}
	if err := os.WriteFile(filepath.Join(pictures, name), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestPrint: every page can be printed, and what was open is on the paper.
func TestPrint(t *testing.T) {
	browser := start(t)
	for _, name := range []string{"not-ready", "why"} {
		path, err := filepath.Abs("../../pkg/print/testdata/" + name + "/page.html")
		if err != nil {
			t.Fatal(err)
		}
		tab, closeTab := chromedp.NewContext(browser)
		tab, cancel := context.WithTimeout(tab, deadline)
		var pdf []byte
		print := chromedp.ActionFunc(func(ctx context.Context) (err error) {
			pdf, _, err = page.PrintToPDF().WithPreferCSSPageSize(true).WithPaperWidth(8.27).WithPaperHeight(11.69).Do(ctx)
			return err
		})
		err = chromedp.Run(tab, chromedp.Navigate("file://"+path), print)
		cancel()
		closeTab()
		if err != nil {
			t.Fatal(err)
		}
		if pages := strings.Count(string(pdf), "/Type /Page\n"); !strings.HasPrefix(string(pdf), "%PDF-") || pages < 1 || pages > 6 {
			t.Errorf("%s: %d pages in %d bytes", name, pages, len(pdf))
		}
		keep(t, name+".pdf", pdf)
	}
}
