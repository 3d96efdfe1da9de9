package docs_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/cli"
)

// TestPictures makes the pictures of README from what the plugin prints of recorded clusters, and compares them with
// those in docs/pictures. They follow the colors of the reader, load nothing and run nothing.
func TestPictures(t *testing.T) {
	t.Chdir("..")
	t.Setenv("LC_ALL", "C.UTF-8")
	t.Setenv("GITHUB_STEP_SUMMARY", "")
	t.Setenv("COLUMNS", "80")
	doctor := printed(t, "doctor -f docs/examples/demo.yaml --checks webhook-strips-restart-policy --color always")
	why := printed(t, "why shop-99f4d4b66-xbrxn -n shop -f docs/examples/stuck-pod.yaml -o svg")
	for file, picture := range map[string]string{
		"doctor.svg": terminal("kubectl sidecar doctor --checks webhook-strips-restart-policy", doctor),
		"why.svg":    themed(why),
	} {
		path := filepath.Join("docs", "pictures", file)
		if err := xml.Unmarshal([]byte(picture), new(struct{})); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		for _, loads := range []string{"<script", "<image", "href", "url(", "@import"} {
			if strings.Contains(picture, loads) {
				t.Errorf("%s has %s", file, loads)
			}
		}
		if !strings.Contains(picture, "prefers-color-scheme: dark") {
			t.Errorf("%s is the same in the dark", file)
		}
		if *update {
			if err := os.WriteFile(path, []byte(picture), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		have, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(have), picture); diff != "" {
			t.Errorf("%s is out of date; go test ./docs -run TestPictures -update, and look at it (-file +now):\n%s", path, diff)
		}
	}
}

// printed is what a command prints that finds something.
func printed(t *testing.T, command string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	exit := cli.Main(append([]string{"kubectl-sidecar"}, strings.Fields(command)...), genericiooptions.IOStreams{In: strings.NewReader(""), Out: &stdout, ErrOut: &stderr})
	if exit != 3 || stderr.Len() > 0 {
		t.Fatalf("%s: exit %d\n%s", command, exit, &stderr)
	}
	return stdout.String()
}

// Measures of the terminal, in pixels.
const (
	letter, row    = 8.4, 19.0
	edge, titleBar = 18.0, 34.0
	columns        = 84
)

// terminalStyle has a class for each color of the terminal, in the light and in the dark.
const terminalStyle = `
  .back { fill: #ffffff; stroke: #d0d7de } .bar { fill: #f6f8fa } text { fill: #1f2328 }
  .c1 { font-weight: bold } .c2 { fill: #59636e } .c31 { fill: #c0202a } .c32 { fill: #1a7f37 } .c33 { fill: #8a5a00 } .c34 { fill: #0969da }
  @media (prefers-color-scheme: dark) {
    .back { fill: #0d1117; stroke: #30363d } .bar { fill: #161b22 } text { fill: #e6edf3 }
    .c2 { fill: #9198a1 } .c31 { fill: #ff7b72 } .c32 { fill: #56d364 } .c33 { fill: #e3b341 } .c34 { fill: #79c0ff }
  }
`

var escape = regexp.MustCompile("\x1b\\[([0-9;]*)m")

// terminal draws what a command prints, with its colors.
func terminal(command, output string) string {
	lines := append([]string{"\x1b[2m$\x1b[0m " + command}, strings.Split(strings.TrimRight(output, "\n"), "\n")...)
	width, height := 2*edge+columns*letter, titleBar+2*edge+float64(len(lines))*row
	var out strings.Builder
	fmt.Fprintf(&out, "<svg xmlns='http://www.w3.org/2000/svg' width='%.0f' height='%.0f' viewBox='0 0 %.0f %.0f' role='img' "+
		"font-family='ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace' font-size='14'>\n", width, height, width, height)
	fmt.Fprintf(&out, "<title>%s</title>\n<style>%s</style>\n", text("A terminal with "+command), terminalStyle)
	fmt.Fprintf(&out, "<rect class='back' x='0.5' y='0.5' width='%.0f' height='%.0f' rx='10'/>\n", width-1, height-1)
	fmt.Fprintf(&out, "<path class='bar' d='M1 %.0f v-%.0f a10 10 0 0 1 10 -10 h%.0f a10 10 0 0 1 10 10 v%.0f z'/>\n", titleBar, titleBar-11, width-22, titleBar-11)
	for i, color := range []string{"#ff5f57", "#febc2e", "#28c840"} {
		fmt.Fprintf(&out, "<circle cx='%d' cy='%.0f' r='6' fill='%s'/>\n", 20+20*i, titleBar/2, color)
	}
	for i, line := range lines {
		y := titleBar + edge + float64(i)*row + 13
		column, class := 0, ""
		for line != "" {
			at := escape.FindStringSubmatchIndex(line)
			part := line
			if at != nil {
				part = line[:at[0]]
			}
			if strings.TrimSpace(part) != "" {
				lead := len(part) - len(strings.TrimLeft(part, " "))
				fmt.Fprintf(&out, "<text x='%.1f' y='%.0f'%s xml:space='preserve'>%s</text>\n", edge+float64(column+lead)*letter, y, class, text(strings.TrimSpace(part)))
			}
			column += utf8.RuneCountInString(part)
			if at == nil {
				break
			}
			class = classes(line[at[2]:at[3]])
			line = line[at[1]:]
		}
	}
	return out.String() + "</svg>\n"
}

// classes are those of an escape sequence; none for the end of one.
func classes(codes string) string {
	var out []string
	for code := range strings.SplitSeq(codes, ";") {
		if code != "" && code != "0" {
			out = append(out, "c"+code)
		}
	}
	if len(out) == 0 {
		return ""
	}
	slices.Sort(out)
	return " class='" + strings.Join(out, " ") + "'"
}

func text(s string) string {
	var b bytes.Buffer
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		return ""
	}
	return b.String()
}

// themed is the picture of `why -o svg`, which can be read on white and on black, in the colors of the reader.
func themed(picture string) string {
	const style = `<style>
  .back { fill: #ffffff; stroke: #d0d7de } svg { fill: #1f2328 } [stroke="#777777"] { stroke: #59636e }
  @media (prefers-color-scheme: dark) {
    .back { fill: #0d1117; stroke: #30363d } svg { fill: #e6edf3 } [stroke="#777777"] { stroke: #9198a1 }
  }
</style>
<rect class='back' x='0.5' y='0.5' width='%s' height='%s' rx='10'/>
`
	m := regexp.MustCompile(`width='(\d+)' height='(\d+)'`).FindStringSubmatch(picture)
	return strings.Replace(picture, "</title>\n", "</title>\n"+fmt.Sprintf(style, less(m[1]), less(m[2])), 1)
}

// less is a number without one, for a line of one pixel.
func less(n string) string {
	var i int
	if _, err := fmt.Sscan(n, &i); err != nil {
		return n
	}
	return fmt.Sprint(i - 1)
}
