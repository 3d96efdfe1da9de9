package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A recorded transcript is a comment that names a file, and what that file has: of what cannot be run again on a file,
// such as a watch of a real pod.
var recorded = regexp.MustCompile("(?s)<!-- recorded: ([^\n]*) -->\n```console\n.*?```")

// TestRecorded compares the recorded transcripts of the pages with their files.
func TestRecorded(t *testing.T) {
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		now := recorded.ReplaceAllStringFunc(string(text), func(block string) string {
			found++
			file := recorded.FindStringSubmatch(block)[1]
			data, err := os.ReadFile(filepath.Join("..", file))
			if err != nil {
				t.Fatal(err)
			}
			return "<!-- recorded: " + file + " -->\n```console\n" + string(data) + "```"
		})
		if *update {
			if err := os.WriteFile(page, []byte(now), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if diff := cmp.Diff(string(text), now); diff != "" {
			t.Errorf("%s is out of date; go test ./docs -run TestRecorded -update (-page +now):\n%s", page, diff)
		}
	}
	if found == 0 {
		t.Error("no page has a recorded transcript")
	}
}
