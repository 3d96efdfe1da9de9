package facts

import (
	"strings"
	"testing"
)

// A document of very many short values is refused before it is parsed, which would take a hundred times its size.
func TestTooManyValues(t *testing.T) {
	const head = "kind: Pod\napiVersion: v1\n"
	for name, text := range map[string]string{
		"a flow list": head + "x: [" + strings.Repeat("a,", mostMarks+1) + "a]\n",
		"a list":      head + "x:\n" + strings.Repeat("- a\n", mostMarks+1),
		"a mapping":   head + "x:\n" + strings.Repeat("  a: b\n", mostMarks/2+1),
	} {
		if _, err := Read(strings.NewReader(text), "file"); err == nil || !strings.Contains(err.Error(), "more than 16 million values") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if tooManyValues([]byte(strings.Repeat("a\n", mostMarks)), 1) != nil {
		t.Error("the most that is read was refused")
	}
}
