package print

import (
	"bytes"
	"encoding/json"
	"testing"
)

// TestIndenter: a document is indented as encoding/json does it, byte for byte.
func TestIndenter(t *testing.T) {
	for _, document := range []any{
		nil, 1.5, "a", []int{}, map[string]int{}, []any{[]int{}, map[string]any{}, nil, []any{1, "x"}},
		map[string]any{"a \"quoted\", [b]": []any{"{\\", "\\\"}", "<&>\u2028\n", map[string]any{"c": map[string]any{"d": []any{true, false}}}}, "z": ""},
	} {
		var want, got bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(document); err != nil {
			t.Fatal(err)
		}
		if err := encodeJSON(&got, document); err != nil || got.String() != want.String() {
			t.Errorf("%v: got\n%s\nwant\n%s", err, &got, &want)
		}
	}
}
