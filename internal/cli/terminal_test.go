package cli

import (
	"bytes"
	"testing"
)

// Where the output is no terminal, COLUMNS says how wide it is, within reason.
func TestColumns(t *testing.T) {
	for columns, want := range map[string]int{
		"": defaultWidth, "100": 100, "39": minWidth, "40": minWidth, "120": maxWidth, "1000000": maxWidth,
		"0": defaultWidth, "-1": defaultWidth, "wide": defaultWidth, "99999999999999999999": defaultWidth,
	} {
		t.Setenv("COLUMNS", columns)
		if got := printOptions(&bytes.Buffer{}, colorNever).Width; got != want {
			t.Errorf("COLUMNS=%q: %d, want %d", columns, got, want)
		}
	}
}
