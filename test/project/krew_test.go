package project

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"text/template"

	"github.com/google/go-cmp/cmp"
)

// TestKrewReleaseBot renders .krew.yaml with the two functions that krew-release-bot has, as it documents them, for
// the release that plugins/krew.yaml is written for: both are the same text, but for the quotes of the sums.
func TestKrewReleaseBot(t *testing.T) {
	manifest, err := os.ReadFile(filepath.Join(top, "plugins", "krew.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(manifest), "\napiVersion:")
	want := regexp.MustCompile(`sha256: "([0-9a-f]{64})"`).ReplaceAllString("apiVersion:"+text, "sha256: $1")
	tag := regexp.MustCompile(`(?m)^  version: (\S+)$`).FindStringSubmatch(want)[1]

	release := struct{ TagName string }{tag}
	bot, err := template.New(".krew.yaml").Funcs(template.FuncMap{
		"addURIAndSha": func(url, tag string) (string, error) {
			address, err := template.New("url").Parse(url)
			if err != nil {
				return "", err
			}
			var out bytes.Buffer
			err = address.Execute(&out, struct{ TagName string }{tag})
			return "uri: " + out.String() + "\n    sha256: " + strings.Repeat("0", 64), err
		},
		"indent": func(spaces int, text string) string {
			text = strings.ReplaceAll(text, "    sha256:", "sha256:")
			return strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", spaces))
		},
	}).ParseFiles(filepath.Join(top, ".krew.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := bot.Execute(&out, release); err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(out.String(), "\napiVersion:")
	if diff := cmp.Diff(want, "apiVersion:"+got); diff != "" {
		t.Errorf(".krew.yaml (-plugins/krew.yaml +rendered):\n%s", diff)
	}
}
