package tty

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
)

// TestColor is kubectl's rule, on a terminal.
func TestColor(t *testing.T) {
	for _, test := range []struct {
		env  map[string]string
		want bool
	}{
		{map[string]string{"TERM": "xterm"}, true},
		{map[string]string{"TERM": "dumb"}, false},
		{map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, false},
		{map[string]string{"TERM": "xterm", "NO_COLOR": ""}, false},
	} {
		t.Run("", func(t *testing.T) {
			t.Setenv("NO_COLOR", "")
			os.Unsetenv("NO_COLOR")
			for name, value := range test.env {
				t.Setenv(name, value)
			}
			if got := colorTerminal(); got != test.want {
				t.Errorf("%v: %v, want %v", test.env, got, test.want)
			}
		})
	}
}

// TestPrintOptions: what is not a terminal gets 80 columns and, unless it is asked for, no color.
func TestPrintOptions(t *testing.T) {
	t.Setenv("LC_ALL", "C.UTF-8")
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for color, want := range map[string]print.Options{
		Auto:   {Width: 80, Unicode: true},
		Always: {Width: 80, Unicode: true, Color: true},
		Never:  {Width: 80, Unicode: true},
	} {
		if diff := cmp.Diff(want, Options(file, color)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", color, diff)
		}
	}
}

// Where the output is no terminal, COLUMNS says how wide it is, within reason.
func TestColumns(t *testing.T) {
	for columns, want := range map[string]int{
		"": Width, "100": 100, "39": minWidth, "40": minWidth, "120": maxWidth, "1000000": maxWidth,
		"0": Width, "-1": Width, "wide": Width, "99999999999999999999": Width,
	} {
		t.Setenv("COLUMNS", columns)
		if got := Options(&bytes.Buffer{}, Never).Width; got != want {
			t.Errorf("COLUMNS=%q: %d, want %d", columns, got, want)
		}
	}
}
