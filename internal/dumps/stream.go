package dumps

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// kubectl cluster-info dump writes lists of objects and, between two lines of its own, logs of containers. A log may
// have lines like those. Each container has one log, so that in what a log has made up, a line is there that cannot be:
// a second beginning, or an end without one.
var (
	startLine = regexp.MustCompile(`^==== START logs for container (\S+) of pod ([^/\s]+)/(\S+) ====\r?\n?$`)
	endLine   = regexp.MustCompile(`==== END logs for container (\S+) of pod ([^/\s]+)/(\S+) ====\r?\n?$`)
)

// An owner is whose log it is.
type owner struct{ container, namespace, pod string }

func ownerOf(match [][]byte) owner {
	return owner{string(match[1]), string(match[2]), string(match[3])}
}

func (o owner) String() string {
	return fmt.Sprintf("container %s of pod %s/%s", o.container, o.namespace, o.pod)
}

// longestEnd is more than the line at the end of a log takes with the longest names.
const longestEnd = 1 << 10

const hintApart = "write logs into files of their own: kubectl cluster-info dump -A --output-directory=DIR, and name that: -f DIR"

// A splitter takes a file apart.
type splitter struct {
	r      *reader
	s      source
	text   bytes.Buffer // of the objects since the last log
	parts  int
	seen   map[owner]bool
	inside *owner // whose log it is in
	tail   *tail
	held   []byte // of a long line of a log: the end of the log may be in it
	// refused is why objects before a log are not understood.
	refused error
}

// split reads a file with objects, and logs between them.
func (r *reader) split(s source) error {
	in := bufio.NewReaderSize(s.from, 64<<10)
	head, _ := in.Peek(3)
	from, err := r.decoded(in, head)
	if err != nil {
		return r.failed(s, err)
	}
	p := &splitter{r: r, s: s, seen: map[owner]bool{}}
	if err := p.run(from); err != nil {
		if p.refused != nil {
			return p.refused
		}
		return r.failed(s, err)
	}
	if p.inside != nil {
		return r.failed(s, fmt.Errorf("it ends in the middle of the log of %s: it is cut off", p.inside))
	}
	if p.parts > 0 && len(bytes.TrimSpace(p.text.Bytes())) == 0 {
		return nil
	}
	return r.document(s.place, p.text.Bytes(), s.named)
}

// run reads lines, of which those of objects may be of any length.
func (p *splitter) run(from io.Reader) error {
	in := bufio.NewReaderSize(p.r.patient(from), 64<<10)
	begins := true
	for {
		line, err := in.ReadSlice('\n')
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		if failed := p.line(line, begins); failed != nil {
			return failed
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		begins = !errors.Is(err, bufio.ErrBufferFull)
	}
}

func (p *splitter) line(line []byte, begins bool) error {
	if p.inside != nil {
		return p.logLine(line, begins)
	}
	if begins && bytes.HasPrefix(line, []byte("==== ")) {
		if m := startLine.FindSubmatch(line); m != nil {
			return p.begin(ownerOf(m))
		}
		if m := endLine.FindSubmatch(line); m != nil {
			return p.mixed(ownerOf(m))
		}
	}
	if int64(p.text.Len()+len(line)) > p.r.max.file {
		return fmt.Errorf("larger than %d MB, the most that is read", p.r.max.file>>20)
	}
	p.text.Write(line)
	return nil
}

// begin is where a log begins.
func (p *splitter) begin(o owner) error {
	if p.seen[o] {
		return p.mixed(o)
	}
	p.r.packed = true
	if text := p.text.Bytes(); len(bytes.TrimSpace(text)) > 0 {
		if p.refused = p.r.document(p.s.place, text, p.s.named); p.refused != nil {
			return p.refused
		}
		p.text = bytes.Buffer{}
	}
	p.parts++
	p.seen[o], p.inside, p.tail = true, &o, &tail{}
	return nil
}

// logLine is a line of a log, or its end. Where the log does not end with a line break, its end is behind the last line.
func (p *splitter) logLine(line []byte, begins bool) error {
	line = append(p.held, line...)
	p.held = nil
	if over := len(line) - longestEnd; over > 0 && !bytes.HasSuffix(line, []byte("\n")) {
		p.tail.Write(line[:over])
		p.held = bytes.Clone(line[over:])
		return nil
	}
	if m := endLine.FindSubmatchIndex(line); m != nil {
		o := ownerOf(endLine.FindSubmatch(line))
		if o != *p.inside {
			return p.mixed(*p.inside)
		}
		p.tail.Write(line[:m[0]])
		p.r.keepLog(p.s.place, o, p.tail)
		p.inside = nil
		return nil
	}
	if begins && startLine.Match(line) {
		return p.mixed(*p.inside)
	}
	p.tail.Write(line)
	return nil
}

// mixed is the error of a log that has lines as kubectl writes them.
func (p *splitter) mixed(o owner) error {
	return &Error{fmt.Errorf("the log of %s has lines like those that kubectl writes before and after a log: what is the log's and what is the cluster's cannot be told apart", o), hintApart}
}

// markedLogs reads a file of logs alone, each between two lines.
func (r *reader) markedLogs(s source) error {
	p := &splitter{r: r, s: s, seen: map[owner]bool{}}
	err := p.run(s.from)
	switch {
	case err == nil && p.inside != nil:
		err = fmt.Errorf("it ends in the middle of the log of %s: it is cut off", p.inside)
	case err == nil && len(bytes.TrimSpace(p.text.Bytes())) > 0:
		r.left = append(r.left, s.place+" (what is between its logs)")
	}
	if err == nil {
		return nil
	}
	if r.ctx.Err() != nil || errors.As(err, new(*tooLarge)) {
		return err
	}
	r.unread = append(r.unread, unread{place: s.place, reason: err.Error(), kind: facts.Logs})
	return nil
}
