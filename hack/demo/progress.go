package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/tty"
)

// usualRate is how many bytes of source a core compiles per second, between the 300,000 of a machine with little else
// to do and the 170,000 of one that was busy where this was measured. It counts as if it had
// been observed for a while, so that the first estimate is of the right size and the later ones are of this machine.
const (
	usualRate  = 220_000
	usualCount = 10 * time.Second
)

// A progress counts what is built, and estimates how long the rest takes.
type progress struct {
	mu       sync.Mutex
	left     map[unit]int64
	total    int   // packages
	done     int64 // weight of those that are done
	building string
	byPath   map[string]unit // of the job that is being built
	began    time.Time
	cores    int
}

func newProgress(jobs []job, now time.Time, cores int) *progress {
	p := &progress{left: map[unit]int64{}, began: now, cores: cores}
	for _, j := range jobs {
		link := int64(200_000) // no sources tell how long linking takes, only that large programs take longer
		for u, weight := range j.units {
			p.left[u] = weight
			link += weight / 8
		}
		if len(j.units) > 0 {
			p.left[linkOf(j)] = min(link, 3_000_000)
		}
	}
	p.total = len(p.left)
	return p
}

func linkOf(j job) unit { return unit{path: "link " + j.target.Name} }

// begin says which job the packages that are told from now on are of.
func (p *progress) begin(j job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.building, _, _ = strings.Cut(j.target.Name, " ") // without its version the line has room on 80 columns
	p.byPath = map[string]unit{}
	for u := range j.units {
		p.byPath[u.path] = u
	}
}

// compiled is told that a package's turn has come.
func (p *progress) compiled(path string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if u, ok := p.byPath[path]; ok {
		p.finish(u)
	}
}

// end is told that a job is done, with all that it is made of.
func (p *progress) end(j job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for u := range j.units {
		p.finish(u)
	}
	p.finish(linkOf(j))
}

func (p *progress) finish(u unit) {
	if size, ok := p.left[u]; ok {
		p.done += size
		delete(p.left, u)
	}
}

// remaining is how long the rest takes, at the rate so far.
func (p *progress) remaining(now time.Time) time.Duration {
	var rest int64
	for _, size := range p.left {
		rest += size
	}
	usual := usualCount.Seconds()
	rate := (float64(p.done) + usualRate*float64(p.cores)*usual) / (now.Sub(p.began).Seconds() + usual)
	return time.Duration(float64(rest) / rate * float64(time.Second))
}

// line is what to say now.
func (p *progress) line(now time.Time) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprintf("%s: %d of %d built, %s so far, %s", p.building, p.total-len(p.left), p.total,
		now.Sub(p.began).Round(time.Second), about(p.remaining(now)))
}

// about is a duration as precise as an estimate is.
func about(d time.Duration) string {
	switch {
	case d > 90*time.Second:
		return fmt.Sprintf("about %d minutes left", int((d+30*time.Second)/time.Minute))
	case d > 50*time.Second:
		return "about a minute left"
	default:
		return "less than a minute left"
	}
}

// build builds all jobs, and tells how far it is.
func build(ctx context.Context, jobs []job, to io.Writer) error {
	p := newProgress(jobs, time.Now(), runtime.NumCPU())
	if p.total > 0 {
		fmt.Fprintf(to, "demo: building what is not here, %d packages and programs, %s if %d cores are idle; Ctrl-C stops, and what is done is kept\n",
			p.total, about(p.remaining(time.Now())), p.cores)
		defer tell(to, p)()
	}
	for _, j := range jobs {
		p.begin(j)
		if _, err := j.target.BuildTold(ctx, p.compiled); err != nil {
			return err
		}
		p.end(j)
	}
	return nil
}

// tell writes the state again and again, on a terminal into one line. What it returns ends that.
func tell(to io.Writer, p *progress) (stop func()) {
	_, terminal := tty.Is(to)
	every, before, after := 20*time.Second, "demo: ", "\n"
	if terminal {
		every, before, after = time.Second, "\r\033[Kdemo: ", ""
	}
	ended, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ended:
				if terminal {
					fmt.Fprint(to, "\r\033[K")
				}
				return
			case now := <-ticker.C:
				fmt.Fprint(to, before, p.line(now), after)
			}
		}
	}()
	return func() { close(ended); <-gone }
}
