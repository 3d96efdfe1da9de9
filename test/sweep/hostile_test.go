package sweep

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"sigs.k8s.io/yaml"
)

// hostile is what somebody who may create objects could have others' terminals, workflows and eyes
// believe.
var hostile = map[string]string{
	"ANSI escapes":      "\x1b[2J\x1b[31m\x1b]0;owned\a\x9b1m",
	"line breaks":       "\r\n::error file=x::owned\n::set-output name=x::y ##[error]owned\u2028\u2029\u0085",
	"right to left":     "\u202eowned\u2066\u200f\u061c\u200b\ufeff",
	"not UTF-8":         "\xff\xfe\xc3",
	"markup":            `"><script>alert(1)</script><!--]]>&amp;'`,
	"a million letters": strings.Repeat("a b", 1<<20/3),
}

// hostileKeys are the fields whose values are chosen by whoever creates the object, and that may be
// changed everywhere at once without changing what is wrong.
var hostileKeys = map[string]bool{"name": true, "namespace": true, "message": true, "image": true, "kubeletVersion": true, "nodeName": true}

// poison adds the text to every value of hostileKeys, the same to the same.
func poison(node any, text string) any {
	switch v := node.(type) {
	case map[string]any:
		for key, child := range v {
			if s, ok := child.(string); ok && hostileKeys[key] {
				v[key] = s + text
				continue
			}
			v[key] = poison(child, text)
		}
	case []any:
		for i := range v {
			v[i] = poison(v[i], text)
		}
	}
	return node
}

// TestHostile prints real situations in which every name and message is hostile, in every format.
func TestHostile(t *testing.T) {
	situations := []string{
		"../e2e/cases/02-stripped-webhook/seen.yaml", "../e2e/cases/08-startup-probe-port/seen.yaml",
		"../e2e/cases/10-image-pull/seen.yaml", "../e2e/cases/14-unschedulable/seen.yaml",
	}
	formats := map[string][]string{
		"why": {"text", "wide", "json", "yaml", "svg"}, "doctor": {"text", "wide", "json", "yaml"}, "webhooks": {"text", "json"},
	}
	for name, text := range hostile {
		t.Run(name, func(t *testing.T) {
			situations := situations
			if len(text) > 1000 {
				situations = situations[:1]
			}
			for _, situation := range situations {
				file, size := poisoned(t, situation, text)
				for command, all := range formats {
					for _, format := range all {
						args := []string{"kubectl-sidecar", command, "-f", file, "-o", format}
						harmless(t, runWith(strings.NewReader(""), args), format, size)
					}
				}
			}
		})
	}
}

// poisoned writes the situation with the text in it, and says how large that is.
func poisoned(t *testing.T, situation, text string) (file string, size int) {
	t.Helper()
	data, err := os.ReadFile(situation)
	if err != nil {
		t.Fatal(err)
	}
	var document any
	if err := yaml.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	if len(text) > 1000 {
		document = map[string]any{"kind": "List", "apiVersion": "v1", "items": []any{longEvent(text), document}}
		document = withLongMessages(document, text)
	} else {
		document = poison(document, text)
	}
	if data, err = json.Marshal(document); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "seen.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file, len(data)
}

// harmless wants a result of which a terminal, a workflow and a reader take no orders, and which is
// not larger than what was read.
func harmless(t *testing.T, r ran, format string, size int) {
	t.Helper()
	if r.crash != "" || r.exit != 0 && r.exit != 3 && r.exit != 4 {
		t.Errorf("%v: exit %d, crash %q\n%.300s", r.args, r.exit, r.crash, r.stderr)
	}
	t.Logf("%s -o %s: %d bytes from %d after %v", r.args[1], format, len(r.stdout), size, r.took)
	for stream, text := range map[string]string{"stdout": r.stdout, "stderr": r.stderr} {
		for line := range strings.Lines(text) {
			if command := strings.TrimSpace(line); strings.HasPrefix(command, "::") && strings.Contains(command[2:], "::") || strings.Contains(line, "##[") {
				t.Errorf("%v: a workflow would obey %.100q on %s", r.args, line, stream)
			}
		}
		if at := obeyed(text); at >= 0 {
			t.Errorf("%v: a terminal would obey %q on %s", r.args, text[max(at-40, 0):min(at+40, len(text))], stream)
		}
	}
	if format == "svg" && strings.Contains(r.stdout, "<script") {
		t.Errorf("%v: a script in the picture", r.args)
	}
	if most := 4*size + 1<<20; len(r.stdout) > most {
		t.Errorf("%v: %d bytes from %d", r.args, len(r.stdout), size)
	}
}

// obeyed is where text has something that is not for eyes: a control character but the line break, a
// mark that turns or hides text, a byte that is no text; -1 when it has none.
func obeyed(text string) int {
	for at, r := range text {
		bad := r == utf8.RuneError && !strings.HasPrefix(text[at:], string(utf8.RuneError))
		if bad || r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029') {
			return at
		}
	}
	return -1
}

func longEvent(text string) any {
	return map[string]any{
		"apiVersion": "v1", "kind": "Event", "metadata": map[string]any{"name": "long", "namespace": "default"},
		"type": "Warning", "reason": "FailedCreate", "message": text, "involvedObject": map[string]any{"kind": "Pod", "name": "long", "namespace": "default"},
	}
}

// withLongMessages makes the first messages long: a million letters each.
func withLongMessages(node any, text string) any {
	left := 3
	var walk func(any)
	walk = func(node any) {
		switch v := node.(type) {
		case map[string]any:
			for key, child := range v {
				if s, ok := child.(string); ok && key == "message" && left > 0 {
					v[key] = fmt.Sprint(s, text)
					left--
				}
				walk(v[key])
			}
		case []any:
			for _, child := range v {
				walk(child)
			}
		}
	}
	walk(node)
	return node
}
