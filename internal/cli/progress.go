package cli

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Nothing is shown of what takes less than patience; then the line is written anew every refresh.
const (
	patience = time.Second
	refresh  = 100 * time.Millisecond
)

// A progress is one line on a terminal's stderr that says what is being read.
type progress struct {
	out  io.Writer
	done chan struct{}
	idle sync.WaitGroup

	mu    sync.Mutex
	line  string
	began map[string]time.Time // of steps
	shown bool
}

// startProgress shows progress if out is a terminal. stop clears the line; it can be called twice.
func startProgress(out io.Writer) *progress {
	p := &progress{out: out, done: make(chan struct{})}
	if _, tty := terminal(out); !tty || os.Getenv("TERM") == "dumb" {
		return p
	}
	p.idle.Go(p.show)
	return p
}

// step is told how far a step is; total is 0 when that is not known.
func (p *progress) step(name string, done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.began == nil {
		p.began = map[string]time.Time{}
	}
	began, known := p.began[name]
	if !known || done == 0 {
		began = time.Now()
		p.began[name] = began
	}
	p.line = fmt.Sprintf("reading %s", name)
	if total > 0 {
		p.line = fmt.Sprintf("reading %s: %d of %d%s", name, done, total, remaining(time.Since(began), done, total))
	}
}

// remaining estimates from what is done how long the rest takes, once that can be told, and is worth
// telling.
func remaining(elapsed time.Duration, done, total int) string {
	if elapsed < 2*time.Second || done <= 0 || done >= total {
		return ""
	}
	left := time.Duration(float64(elapsed) / float64(done) * float64(total-done)).Round(time.Second)
	if left < time.Second {
		return ""
	}
	return fmt.Sprintf(", about %v left", left)
}

func (p *progress) show() {
	started := time.Now()
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	for {
		select {
		case <-p.done:
			return
		case <-tick.C:
		}
		if time.Since(started) >= patience {
			p.write()
		}
	}
}

func (p *progress) write() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line != "" {
		fmt.Fprintf(p.out, "\r\x1b[K%s", p.line)
		p.shown = true
	}
}

func (p *progress) stop() {
	select {
	case <-p.done:
		return
	default:
		close(p.done)
	}
	p.idle.Wait()
	if p.shown {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
