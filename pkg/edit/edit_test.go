package edit

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/txtar"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
)

var update = flag.Bool("update", false, "write what comes out into the test data")

// TestFiles: each file has a change, what goes in, and what comes out: a text, or the reason why not. In words that
// cannot be seen, ␍ is a carriage return, ␀ a byte order mark, and ␄ at the end a missing last newline.
func TestFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var c Change
			if err := json.Unmarshal(section(archive, "change"), &c); err != nil {
				t.Fatal(err)
			}
			in := visible.decode(section(archive, "in"))
			got, kind := "", "out"
			result, err := Apply(in, c)
			if err != nil {
				got, kind = err.Error()+"\n", "refused"
				var refusal *Refusal
				if errors.As(err, &refusal) && refusal.Patch != nil {
					checkPatch(t, in, c, refusal.Patch, nil)
					got += "with a patch\n"
				}
			} else {
				checkPatch(t, in, c, result.Patch, result.Data)
				checkAgain(t, result.Data, c)
				checkTakenBack(t, in, result.Data, c)
				got = visible.encode(result.Data)
			}
			if *update {
				archive.Files = append(keep(archive.Files), txtar.File{Name: kind, Data: []byte(got)})
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(section(archive, kind)), got); diff != "" {
				t.Errorf("%s:\n%s", kind, diff)
			}
		})
	}
}

func keep(files []txtar.File) []txtar.File {
	var out []txtar.File
	for _, f := range files {
		if f.Name == "change" || f.Name == "in" {
			out = append(out, f)
		}
	}
	return out
}

func section(a *txtar.Archive, name string) []byte {
	for _, f := range a.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

// visibly makes bytes visible that editors lose.
type visibly struct{}

var visible visibly

func (visibly) decode(data []byte) []byte {
	s := strings.NewReplacer("␍", "\r", "␀", "\ufeff").Replace(string(data))
	if open, ok := strings.CutSuffix(s, "␄\n"); ok {
		s = open
	}
	return []byte(s)
}

func (visibly) encode(data []byte) string {
	s := strings.NewReplacer("\r", "␍", "\ufeff", "␀").Replace(string(data))
	if !strings.HasSuffix(s, "\n") {
		s += "␄\n"
	}
	return s
}

// documents are the documents of a file as JSON, read without this package.
func documents(t *testing.T, data []byte) [][]byte {
	t.Helper()
	if json.Valid(data) {
		return [][]byte{data}
	}
	var out [][]byte
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var value any
		if err := decoder.Decode(&value); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatalf("%v\n%s", err, data)
		}
		text, err := json.Marshal(value)
		if err != nil {
			text = nil // keys that are no strings
		}
		out = append(out, text)
	}
}

// checkPatch: what the patch makes of the object is what stands in the text; without a text, that it can be applied.
func checkPatch(t *testing.T, in []byte, c Change, ops []Op, out []byte) {
	t.Helper()
	object := documents(t, in)[c.Document]
	if ops == nil || object == nil {
		return
	}
	text, err := json.Marshal(ops)
	if err != nil {
		t.Fatal(err)
	}
	patch, err := jsonpatch.DecodePatch(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	patched, err := applied(patch, object)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if out == nil || patched == nil {
		return
	}
	var a, b any
	if err := errors.Join(json.Unmarshal(patched, &a), json.Unmarshal(documents(t, out)[c.Document], &b)); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("patch and text differ: %s\n%s", cmp.Diff(a, b), text)
	}
}

// applied is the object after the patch; nil where the library panics, as it does when it compares lists that hold null,
// which no API server stores.
func applied(patch jsonpatch.Patch, object []byte) (out []byte, err error) {
	defer func() {
		if fault := recover(); fault != nil && bytes.Contains(object, []byte("null")) {
			out, err = nil, nil
		} else if fault != nil {
			panic(fault)
		}
	}()
	return patch.Apply(object)
}

// checkAgain: a second run changes nothing.
func checkAgain(t *testing.T, data []byte, c Change) {
	t.Helper()
	c.Sets, c.Drops, c.Adds, c.Then = nil, nil, nil, nil
	again, err := Apply(data, c)
	if err != nil {
		t.Fatalf("again: %v", err)
	}
	if !bytes.Equal(again.Data, data) {
		t.Errorf("again:\n%s", cmp.Diff(string(data), string(again.Data)))
	}
}

// checkTakenBack: what was added, dropped again, leaves the text as it was, byte for byte.
func checkTakenBack(t *testing.T, in, out []byte, c Change) {
	t.Helper()
	if len(c.Adds) == 0 || len(c.Sets)+len(c.Drops)+len(c.Moves) > 0 || c.Then != nil {
		return
	}
	back := Change{Document: c.Document, Way: c.Way}
	for _, a := range c.Adds {
		back.Drops = append(back.Drops, Drop{a.Path})
	}
	result, err := Apply(out, back)
	if err != nil {
		t.Fatalf("taken back: %v\n%s", err, out)
	}
	if !bytes.Equal(result.Data, in) {
		t.Errorf("taken back:\n%s", cmp.Diff(string(in), string(result.Data)))
	}
}

// FuzzApply: whatever comes in, the result parses and is the change, or nothing is written.
func FuzzApply(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(visible.decode(section(archive, "in")), section(archive, "change"))
	}
	f.Fuzz(func(t *testing.T, data, change []byte) {
		var c Change
		if json.Unmarshal(change, &c) != nil {
			return
		}
		was := bytes.Clone(data)
		result, err := Apply(data, c)
		if !bytes.Equal(was, data) {
			t.Fatal("the input was changed")
		}
		if err != nil {
			var refusal *Refusal
			if !errors.As(err, &refusal) || refusal.Reason == notForThis {
				t.Fatal(err)
			}
			return
		}
		checkPatch(t, data, c, result.Patch, result.Data)
		checkAgain(t, result.Data, c)
	})
}
