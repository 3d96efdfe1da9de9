package e2e

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

var writeAges = flag.Bool("ages", false, "ask about every situation at three ages, and write the table")

// agesFile is what was answered about every situation at every age, in every way.
const agesFile = "../../docs/robustness-ages.md"

// ages are how long after its last change a situation is asked about.
var ages = []time.Duration{10 * time.Second, 2 * time.Minute, 10 * time.Minute}

// ways are how somebody may ask about it.
var ways = []string{"name", "namespace", "-A", "file", "pipe", "snapshot"}

// An aged is what was answered about a situation at one age.
type aged struct {
	said map[string]string // by the way
	// unwell is what of the pods was not well before and after all were asked; of such a pod it is never said that
	// it is well.
	unwell []string
	// gone is whether no pod was left to ask about.
	gone bool
	err  error
}

const (
	saidWell     = "well"
	saidProgress = "in progress"
	saidPuzzle   = "?"
)

// TestAges asks about all situations at 10 s, 2 min and 10 min with -ages, which takes half an hour and writes a table; with
// -case it makes only the rows of some again. Without -ages, it reads the table.
func TestAges(t *testing.T) {
	if !*writeAges {
		readAges(t)
		return
	}
	needsKubelets(t)
	var mu sync.Mutex
	table := map[string][]aged{}
	situations, all := readSituations(t, *onlyCase), readSituations(t, "")
	t.Run("clusters", func(t *testing.T) {
		for _, name := range stages {
			if forFixes[name] {
				continue
			}
			mine := slices.DeleteFunc(slices.Clone(situations), func(s *situation) bool { return s.Cluster != name || !s.possible() })
			if len(mine) == 0 {
				continue
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				stage := newStage(t, name, caseClusters()[name])
				var all sync.WaitGroup
				for _, s := range mine {
					all.Go(func() {
						rows := stage.grow(s)
						mu.Lock()
						defer mu.Unlock()
						table[s.name] = rows
					})
				}
				all.Wait()
			})
		}
	})
	for _, s := range situations {
		if s.aged() {
			s.judgeAges(t, table[s.name])
		}
	}
	before, err := os.ReadFile(agesFile)
	if err != nil && *onlyCase != "" {
		t.Fatal(err)
	}
	if err := os.WriteFile(agesFile, agesTable(all, table, before), 0o644); err != nil {
		t.Fatal(err)
	}
}

// grow brings the situation about and asks at each age, counted from the last thing that was done to it.
func (st *stage) grow(s *situation) []aged {
	changed, err := st.bring(s)
	if err != nil {
		return []aged{{err: err}}
	}
	var rows []aged
	for _, age := range ages {
		select {
		case <-st.ctx.Done():
			return append(rows, aged{err: st.ctx.Err()})
		case <-time.After(time.Until(changed.Add(age))):
		}
		rows = append(rows, st.askAll(s))
	}
	return rows
}

// bring is reach without waiting for what comes of the last thing that is done.
func (st *stage) bring(s *situation) (time.Time, error) {
	short := *s
	short.Steps = slices.Clone(s.Steps)
	for n := len(short.Steps); n > 0; n-- {
		last := &short.Steps[n-1]
		last.Until, last.Hold.Duration = "", 0
		if last.Kubectl != "" || last.Apply != "" || last.Static != "" || last.Stop != "" {
			break
		}
		short.Steps = short.Steps[:n-1]
	}
	err := st.reach(&short)
	return time.Now(), err
}

// askAll asks in every way.
func (st *stage) askAll(s *situation) aged {
	before := st.unwell(s)
	a := aged{said: map[string]string{}, gone: len(before) == 0}
	dir, err := os.MkdirTemp("", "kubectl-sidecar-ages-")
	if err != nil {
		return aged{err: err}
	}
	defer os.RemoveAll(dir)
	kinds := strings.Join(append([]string{recorded, "nodes"}, s.Also...), ",")
	list, err := st.run(s, nil, "get", kinds, "-o", "yaml", "--show-managed-fields")
	if err != nil {
		return aged{err: fmt.Errorf("%w\n%s", err, list)}
	}
	file, snapshot := filepath.Join(dir, "list.yaml"), filepath.Join(dir, "snapshot.yaml")
	if err := os.WriteFile(file, list, 0o600); err != nil {
		return aged{err: err}
	}
	if taken := st.launch(nil, "snapshot", "--pods", "-n", s.name, "-o", snapshot); taken.err != nil || taken.Exit != 0 {
		return aged{err: fmt.Errorf("snapshot: exit %d, %v\n%s", taken.Exit, taken.err, taken.Stderr)}
	}
	for way, args := range map[string][]string{
		"name":      append([]string{"-n", s.name}, strings.Fields(s.Why[0])...),
		"namespace": {"-n", s.name},
		"-A":        {"-A"},
		"file":      {"-A", "-f", file},
		"pipe":      {"-A", "-f", "-"},
		"snapshot":  {"-A", "-f", snapshot},
	} {
		if a.said[way], err = st.said(s, list, args); err != nil {
			a.err = errors.Join(a.err, fmt.Errorf("by %s: %w", way, err))
		}
	}
	after := st.unwell(s)
	a.gone = a.gone && len(after) == 0
	for name, bad := range before {
		if bad && after[name] {
			a.unwell = append(a.unwell, name)
		}
	}
	slices.Sort(a.unwell)
	return a
}

// said is what one run answers about the situation's namespace, in a word or two.
func (st *stage) said(s *situation, stdin []byte, args []string) (string, error) {
	a := st.askAbout(stdin, args...)
	if a.err == nil && a.Exit != 0 && a.Exit < 3 {
		return "", fmt.Errorf("exit %d: %s", a.Exit, a.Stderr)
	}
	r, err := a.report()
	if err != nil {
		return "", err
	}
	words := map[string]bool{}
	for _, d := range r.Diagnoses {
		switch {
		case d.Object.Namespace != s.name:
		case d.RootCause != "":
			words[d.RootCause] = true
		case d.Probably != nil:
			words["probably "+d.Probably.Check] = true
		default:
			words[saidPuzzle] = true
		}
	}
	for _, d := range r.InProgress {
		if d.Object.Namespace == s.name {
			words[saidProgress] = true
		}
	}
	if len(words) == 0 && r.Verdict == "unknown" && !slices.Contains(args, "-A") {
		words[saidPuzzle] = true
	}
	if len(words) == 0 {
		return saidWell, nil
	}
	var all []string
	for w := range words {
		all = append(all, w)
	}
	slices.Sort(all)
	return strings.Join(all, ", "), nil
}

// unwell says of each pod of the situation, by its name, whether it is anything but ready or succeeded. A pod that
// runs to an end of its own is only well when it has succeeded, but of one at work nothing else can be said either.
func (st *stage) unwell(s *situation) map[string]bool {
	st.view.mu.Lock()
	defer st.view.mu.Unlock()
	pods, _ := st.view.namespaces[s.name]["pods"].([]any)
	out := map[string]bool{}
	for _, object := range pods {
		pod := unstructured.Unstructured{Object: object.(map[string]any)}
		phase, _, _ := unstructured.NestedString(pod.Object, "status", "phase")
		ready := false
		conditions, _, _ := unstructured.NestedSlice(pod.Object, "status", "conditions")
		for _, c := range conditions {
			condition := c.(map[string]any)
			ready = ready || condition["type"] == "Ready" && condition["status"] == "True"
		}
		out[pod.GetName()] = phase != "Succeeded" && !ready
	}
	return out
}

// judgeAges: what does not work is never called well, and what is the matter is said in the end, in every way in which
// it can be.
func (s *situation) judgeAges(t *testing.T, rows []aged) {
	for i, row := range rows {
		if row.err != nil {
			t.Errorf("%s: %v", s.name, row.err)
			continue
		}
		for _, way := range ways {
			said := row.said[way]
			if said == saidWell && len(row.unwell) > 0 && s.Expect != "" {
				t.Errorf("%s, %v old, by %s: well, but not so: %v", s.name, ages[i], way, row.unwell)
			}
			for _, word := range strings.Split(said, ", ") {
				id := strings.TrimPrefix(word, "probably ")
				if id != s.Expect && !slices.Contains([]string{saidWell, saidProgress, saidPuzzle}, word) && !slices.Contains(s.Earlier, id) {
					t.Errorf("%s, %v old, by %s: %s, want %q", s.name, ages[i], way, word, s.Expect)
				}
			}
		}
	}
	if len(rows) == len(ages) && s.Expect != "" && s.Passes == "" && rows[len(rows)-1].err == nil {
		last := rows[len(rows)-1]
		for _, way := range []string{"name", "namespace", "-A"} {
			if !strings.Contains(last.said[way], s.Expect) || strings.Contains(last.said[way], "probably") {
				t.Errorf("%s, in the end, by %s: %s, want %s", s.name, way, last.said[way], s.Expect)
			}
		}
	}
}

// agesTable is the page of all situations. What was not asked about now, since -case did not name it, stays as it was before.
func agesTable(all []*situation, table map[string][]aged, before []byte) []byte {
	rows := map[string]string{}
	for line := range strings.Lines(string(before)) {
		if name, _, isRow := strings.Cut(strings.TrimPrefix(line, "| "), ": "); isRow && strings.HasPrefix(line, "| ") {
			rows[name] = line
		}
	}
	var b bytes.Buffer
	fmt.Fprint(&b, agesIntro)
	fmt.Fprintln(&b, "\n| situation | 10 s | 2 min | 10 min |\n|---|---|---|---|")
	for _, s := range all {
		if !s.aged() {
			continue
		}
		if table[s.name] == nil && rows[s.name] != "" {
			b.WriteString(rows[s.name])
			continue
		}
		cells := []string{s.name + ": " + s.What}
		for _, row := range table[s.name] {
			cells = append(cells, row.cell())
		}
		for len(cells) <= len(ages) {
			cells = append(cells, "not asked")
		}
		fmt.Fprintf(&b, "| %s |\n", strings.ReplaceAll(strings.Join(cells, " | "), "\n", " "))
	}
	return b.Bytes()
}

const agesIntro = `# What why says, and when

Each situation was made on a real cluster, and asked about 10 seconds, 2 minutes and 10 minutes after the last thing
that was done to it, or later: on a busy machine, as here, questions wait for each other for minutes. It was asked about
by the name of an object, for its namespace, with -A, from the output of kubectl get -o yaml as a file and through a
pipe, and from the file of kubectl sidecar snapshot --pods. One word stands for all six where they agree. "well" is
said only of pods that are ready or have succeeded.

Made by: go test ./test/e2e -run TestAges -ages -timeout 90m; with -case NAME,NAME only the rows of those are made again.
`

// cell is what was said in all ways.
func (a aged) cell() string {
	if a.err != nil {
		return "could not be asked"
	}
	by := map[string][]string{}
	var order []string
	for _, way := range ways {
		said := a.said[way]
		if by[said] == nil {
			order = append(order, said)
		}
		by[said] = append(by[said], way)
	}
	if len(order) == 1 {
		return order[0]
	}
	var parts []string
	for _, said := range order {
		parts = append(parts, said+" ("+strings.Join(by[said], ", ")+")")
	}
	return strings.Join(parts, "; ")
}

// TestAgesTable: with -case only the rows of those situations change, and new ones come to their place.
func TestAgesTable(t *testing.T) {
	row := func(name, said string) string {
		return "| " + name + ": what | " + said + " | " + said + " | " + said + " |\n"
	}
	asked := func(said string) []aged {
		var out []aged
		for range ages {
			a := aged{said: map[string]string{}}
			for _, way := range ways {
				a.said[way] = said
			}
			out = append(out, a)
		}
		return out
	}
	no := false
	var all []*situation
	for _, name := range []string{"one", "three", "two", "two-more"} {
		all = append(all, &situation{name: name, What: "what"})
	}
	all = append(all, &situation{name: "never", What: "what", Recorded: &no})
	before := []byte(agesIntro + "\n| situation | 10 s |\n|---|---|\n" + row("gone", "well") + row("one", "?") + row("two", "?"))
	got := string(agesTable(all, map[string][]aged{"two": asked("well"), "three": asked("some-cause")}, before))
	want := row("one", "?") + row("three", "some-cause") + row("two", "well") + row("two-more", "not asked")
	if _, rows, _ := strings.Cut(got, "|---|---|---|---|\n"); rows != want {
		t.Errorf("got\n%s\nwant\n%s", rows, want)
	}
	if !strings.HasPrefix(got, agesIntro) {
		t.Errorf("no head:\n%s", got)
	}
}

// readAges: the table has every situation that a cluster can show.
func readAges(t *testing.T) {
	data, err := os.ReadFile(agesFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range readSituations(t, "") {
		if s.aged() && !bytes.Contains(data, []byte("\n| "+s.name+": ")) {
			t.Errorf("%s is not in %s: make it again, see its head", s.name, agesFile)
		}
	}
	if bytes.Contains(data, []byte("could not be asked")) || bytes.Contains(data, []byte("not asked")) {
		t.Errorf("%s has situations that were not asked about", agesFile)
	}
}
