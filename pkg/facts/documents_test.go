package facts

import (
	"strings"
	"testing"
	"time"
)

// TestReadManyDocuments: a file is read in a time that grows as it does. In one that grows with its square, these
// would take minutes.
func TestReadManyDocuments(t *testing.T) {
	const node = "apiVersion: v1\nkind: Node\nmetadata: {name: a}\n"
	for name, text := range map[string]string{
		"separators":           strings.Repeat("---\n", 3_000_000) + node,
		"blank documents":      strings.Repeat("---\n# nothing\n\n", 1_000_000) + node,
		"small JSON documents": strings.Repeat("\n", 1_000_000) + strings.Repeat(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a"}}`+"\n", 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			if _, err := Read(strings.NewReader(text), "f"); err != nil {
				t.Error(err)
			}
			if took := time.Since(start); took > time.Minute {
				t.Errorf("took %v", took)
			}
		})
	}
}

// TestDocumentLines: an error names the line of the file, whatever stands before it.
func TestDocumentLines(t *testing.T) {
	const fine = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n"
	for text, want := range map[string]string{
		"\n\n---\n# x\n---   # y\n" + fine + "...\n---\t\r\nkind: Node\n":    "f: document 2 (line 11): no Kubernetes object: it has no kind or no apiVersion",
		"---\r\n\r\n" + fine + "---\r\n\r\n\r\nkind: [\r\n":                  "f: line 9: did not find expected node content: the file looks cut off",
		fine + "--- not a separator of documents\nkind: Node\n":              "f: document 2 (line 5): no Kubernetes object: it has no kind or no apiVersion",
		"{\"apiVersion\":\"v1\",\"kind\":\"Namespace\"}\n\n{\"kind\":\"a\"}": "f: document 2 (line 3): no Kubernetes object: it has no kind or no apiVersion",
	} {
		if _, err := Read(strings.NewReader(text), "f"); err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
}
