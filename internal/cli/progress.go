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
	line := fmt.Sprintf("reading %s", name)
	if total > 0 {
		line = fmt.Sprintf("reading %s: %d of %d", name, done, total)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line = line
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
