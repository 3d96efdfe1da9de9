package pods

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// TestFieldsAreKept: what the checks read of pods is not dropped when a pod becomes a fact. Test data, which are
// snapshots, would not show it.
func TestFieldsAreKept(t *testing.T) {
	full := &corev1.Pod{}
	for _, v := range []any{&full.Spec, &full.Status} {
		fill(reflect.ValueOf(v).Elem(), 0)
	}
	kept := facts.TrimPod(full)
	for expression, v := range map[string][2]any{
		`\.Spec\.([A-Z]\w*)`:                         {full.Spec, kept.Spec},
		`\.Status\.([A-Z]\w*)`:                       {full.Status, kept.Status},
		`\b(?:c|x|found|Container)\.([A-Z]\w*)`:      {full.Spec.Containers[0], kept.Spec.Containers[0]},
		`(?:status|Statuses\[i\])\.([A-Z]\w*)`:       {full.Status.ContainerStatuses[0], kept.Status.ContainerStatuses[0]},
		`(?:Probe|probe)\.([A-Z]\w*)`:                {*full.Spec.Containers[0].StartupProbe, *kept.Spec.Containers[0].StartupProbe},
		`(?:HTTPGet|httpGet|\bget)\.([A-Z]\w*)`:      {*full.Spec.Containers[0].StartupProbe.HTTPGet, *kept.Spec.Containers[0].StartupProbe.HTTPGet},
		`(?:Terminated|\bend|ended\(\))\.([A-Z]\w*)`: {*full.Status.ContainerStatuses[0].State.Terminated, *kept.Status.ContainerStatuses[0].State.Terminated},
	} {
		was, is := reflect.ValueOf(v[0]), reflect.ValueOf(v[1])
		for _, name := range read(t, regexp.MustCompile(expression)) {
			field := was.FieldByName(name)
			if field.IsValid() && !field.IsZero() && is.FieldByName(name).IsZero() {
				t.Errorf("a check reads %s of %s, and facts.TrimPod drops it", name, was.Type())
			}
		}
	}
}

// read lists what an expression finds in the checks and in what they ask about a spec.
func read(t *testing.T, expression *regexp.Regexp) []string {
	t.Helper()
	found := map[string]bool{}
	for _, pattern := range []string{"*.go", "../../software/*.go", "../../roles/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no files %s (%v)", pattern, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range expression.FindAllStringSubmatch(string(data), -1) {
				found[m[1]] = true
			}
		}
	}
	var out []string
	for name := range found {
		out = append(out, name)
	}
	return out
}

// fill gives every field something.
func fill(v reflect.Value, depth int) {
	if depth > 7 || !v.CanSet() {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), depth+1)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), depth+1)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(1)
	}
}
