package sweep

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
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

// hostileKeys are the fields whose values the API server takes as they are, and that may be changed
// everywhere at once without changing what is wrong; hostileLists are lists of such values.
var (
	hostileKeys  = map[string]bool{"message": true, "image": true, "kubeletVersion": true, "manager": true, "path": true, "exec": true}
	hostileLists = map[string]bool{"command": true, "args": true}
)

// nameKeys are the fields that hold names, which the API server does not take as they are.
var nameKeys = map[string]bool{"name": true, "namespace": true, "nodeName": true}

// poison adds the text to every value of the keys, the same to the same.
func poison(node any, keys map[string]bool, text string) any {
	switch v := node.(type) {
	case map[string]any:
		for key, child := range v {
			if s, ok := child.(string); ok && keys[key] {
				v[key] = s + text
				continue
			}
			if list, ok := child.([]any); ok && hostileLists[key] && !keys["name"] {
				v[key] = append(list, text)
				continue
			}
			v[key] = poison(child, keys, text)
		}
	case []any:
		for i := range v {
			v[i] = poison(v[i], keys, text)
		}
	}
	return node
}

// situations are real ones, of which the text output of all commands has much to say.
var situations = []string{
	"../e2e/cases/02-stripped-webhook/seen.yaml", "../e2e/cases/08-startup-probe-port/seen.yaml",
	"../e2e/cases/10-image-pull/seen.yaml", "../e2e/cases/14-unschedulable/seen.yaml",
}

// TestHostile prints real situations in which everything that the API server stores unread is hostile,
// in every format.
func TestHostile(t *testing.T) {
	formats := map[string][]string{"why": namesOf(print.WhyFormats), "doctor": namesOf(print.Formats), "webhooks": {"text", "json"}}
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
						if command == "why" {
							args = append(args, "-A")
						}
						harmless(t, runWith(strings.NewReader(""), args), format, size)
					}
				}
			}
		})
	}
}

func namesOf(formats []print.Format) []string {
	var out []string
	for _, f := range formats {
		out = append(out, f.Name)
	}
	return out
}

// TestHostileNames: what no cluster has is refused, in one line that says whose name it is, and that
// a terminal and a workflow take no orders from either.
func TestHostileNames(t *testing.T) {
	for name, text := range hostile {
		if len(text) > 1000 {
			text = text[:1<<16] // there are many names
		}
		for _, situation := range situations {
			data, err := os.ReadFile(situation)
			if err != nil {
				t.Fatal(err)
			}
			var document any
			if err := yaml.Unmarshal(data, &document); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "seen.json")
			if data, err = json.Marshal(poison(document, nameKeys, text)); err == nil {
				err = os.WriteFile(file, data, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{{"why", "-A"}, {"doctor", "-o", "github"}, {"webhooks"}} {
				r := runWith(strings.NewReader(""), append([]string{"kubectl-sidecar", args[0], "-f", file}, args[1:]...))
				err := oneError(r)
				if err != nil || r.exit != 1 || !strings.Contains(r.stderr, file+": ") || !strings.Contains(r.stderr, "cannot come from a cluster") || len(r.stderr) > 1000 {
					t.Errorf("%s: %v: exit %d (%v)\n%.1000s", name, args, r.exit, err, r.stderr)
				}
				if at := obeyed(r.stderr); at >= 0 {
					t.Errorf("%s: %v: a terminal would obey %q", name, args, r.stderr)
				}
			}
		}
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
		document = poison(document, hostileKeys, text)
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
			if ordered(line, format == "github" && stream == "stdout") || strings.Contains(line, "##[") {
				t.Errorf("%v: a workflow would obey %.100q on %s", r.args, line, stream)
			}
		}
		if at := obeyed(text); at >= 0 {
			t.Errorf("%v: a terminal would obey %q on %s", r.args, text[max(at-40, 0):min(at+40, len(text))], stream)
		}
	}
	if format == "html" && strings.Contains(r.stdout, "<script>alert") || (format == "svg" || format == "junit") && scripted(t, r.stdout) {
		t.Errorf("%v: a script in the document", r.args)
	}
	if most := 4*size + 1<<20; len(r.stdout) > most {
		t.Errorf("%v: %d bytes from %d", r.args, len(r.stdout), size)
	}
}

// scripted is whether an XML document, which it has to be, has a script.
func scripted(t *testing.T, text string) bool {
	t.Helper()
	for decoder := xml.NewDecoder(strings.NewReader(text)); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return false
		}
		if err != nil {
			t.Errorf("no XML: %v", err)
			return false
		}
		if element, ok := token.(xml.StartElement); ok && element.Name.Local == "script" {
			return true
		}
	}
}

// ordered is whether a workflow takes a line for a command. The annotations of a printer are commands,
// and nothing else may be one.
func ordered(line string, annotates bool) bool {
	command := strings.TrimSpace(line)
	if !strings.HasPrefix(command, "::") || !strings.Contains(command[2:], "::") {
		return false
	}
	return !annotates || !annotation.MatchString(command) || strings.HasPrefix(command, "::error file=x")
}

var annotation = regexp.MustCompile(`^::(?:error|warning|notice)(?: title=[^:,]*)?::`)

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
