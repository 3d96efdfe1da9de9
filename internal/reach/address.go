//go:build linux

// Package reach asks whether something in the pod answers, and tells sidecars to exit: HTTP, TCP, Unix sockets, files
// and commands.
package reach

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"time"
)

// An Address is what --wait and --quit name.
type Address struct {
	text string
	// kind is http, tcp, unix, file or exec.
	kind string
	url  *url.URL
	// host is HOST:PORT of tcp, or the path of unix and file.
	host string
	argv []string
}

// String is the address as it was given, without what may be secret in it.
func (a Address) String() string { return Redacted(a.text) }

// Redacted is an address without its query, user and password, whether or not it is right.
func Redacted(text string) string {
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		return text
	}
	if before, _, found := strings.Cut(rest, "?"); found {
		rest = before + "?..."
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = "..." + rest[i:]
	}
	return scheme + "://" + rest
}

// Parse reads an address.
func Parse(text string) (Address, error) {
	a := Address{text: text}
	kind, rest, _ := strings.Cut(text, ":")
	switch kind {
	case "http":
		return a, a.parseHTTP()
	case "https":
		return a, errors.New("https is not supported: use tcp:// for the same port, or a command with exec:COMMAND")
	case "tcp":
		host, ok := strings.CutPrefix(rest, "//")
		name, port, err := net.SplitHostPort(host)
		if number, bad := strconv.Atoi(port); !ok || err != nil || bad != nil || name == "" || number < 1 || number > 65535 {
			return a, errors.New("want tcp://HOST:PORT")
		}
		a.kind, a.host = kind, host
	case "unix", "file":
		name := strings.TrimPrefix(rest, "//")
		if !path.IsAbs(name) || path.Clean(name) == "/" {
			return a, fmt.Errorf("want %s:/PATH", kind)
		}
		a.kind, a.host = kind, path.Clean(name)
	case "exec":
		argv, err := words(rest)
		if err != nil {
			return a, err
		}
		a.kind, a.argv = kind, argv
	default:
		return a, errors.New("want http://, tcp://, unix:///, file:/ or exec:COMMAND")
	}
	return a, nil
}

func (a *Address) parseHTTP() error {
	u, err := url.Parse(a.text)
	switch {
	case err != nil:
		return errors.New("not a URL") // without what it says: it quotes the query
	case u.Hostname() == "" || u.Opaque != "":
		return errors.New("want http://HOST:PORT/PATH")
	case u.User != nil:
		return errors.New("a user and password are not supported")
	case strings.ContainsAny(u.RequestURI()+u.Host, " \t\r\n"): // it is written into the request as it is
		return errors.New("write spaces of a URL as %20")
	}
	if number, err := strconv.Atoi(u.Port()); u.Port() != "" && (err != nil || number < 1 || number > 65535) {
		return errors.New("want http://HOST:PORT/PATH")
	}
	a.kind, a.url = "http", u
	return nil
}

// words splits a command at blanks; quotes of both kinds hold words together.
func words(line string) ([]string, error) {
	var argv []string
	for line = strings.TrimLeft(line, blanks); line != ""; line = strings.TrimLeft(line, blanks) {
		var word strings.Builder
		for line != "" && !strings.ContainsRune(blanks, rune(line[0])) {
			end := strings.IndexAny(line, blanks+`'"`)
			switch {
			case end < 0:
				end = len(line)
			case end == 0: // a quote
				quoted, rest, closed := strings.Cut(line[1:], line[:1])
				if !closed {
					return nil, errors.New("a quote is not closed")
				}
				word.WriteString(quoted)
				line = rest
				continue
			}
			word.WriteString(line[:end])
			line = line[end:]
		}
		argv = append(argv, word.String())
	}
	if len(argv) == 0 || argv[0] == "" {
		return nil, errors.New("want exec:COMMAND")
	}
	return argv, nil
}

const blanks = " \t\n"

// A Runner runs a command without input and output, and returns its exit code.
type Runner func(ctx context.Context, argv []string) (int, error)

// How long one try may take.
const (
	attempt        = 2 * time.Second
	commandAttempt = 10 * time.Second // a client program of a database takes its time to start
)

// Try reports why the address does not answer; nil when it does.
func (a Address) Try(ctx context.Context, run Runner) error {
	limit := attempt
	if a.kind == "exec" {
		limit = commandAttempt
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	switch a.kind {
	case "http":
		code, err := send(ctx, "GET", a.url)
		if err == nil && (code < 200 || code > 399) {
			err = fmt.Errorf("it answers %d", code)
		}
		return err
	case "file":
		_, err := os.Stat(a.host)
		return err
	case "exec":
		return a.exec(ctx, run)
	}
	return a.connect(ctx)
}

func (a Address) exec(ctx context.Context, run Runner) error {
	code, err := run(ctx, a.argv)
	if err == nil && code != 0 {
		err = fmt.Errorf("it exits with %d", code)
	}
	return err
}

// connect reports why no connection can be made to what has an address.
func (a Address) connect(ctx context.Context) error {
	network, to := a.kind, a.host
	if a.kind == "http" {
		network, to = "tcp", hostPort(a.url)
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, to)
	if err != nil {
		return err
	}
	return conn.Close()
}

// Local reports whether the address is a server in the same pod, of which it can be seen whether it is gone.
func (a Address) Local() bool {
	host := ""
	switch a.kind {
	case "unix":
		return true
	case "http":
		host = a.url.Hostname()
	case "tcp":
		host, _, _ = net.SplitHostPort(a.host)
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Server reports whether the address has a port or socket.
func (a Address) Server() bool { return a.kind == "http" || a.kind == "tcp" || a.kind == "unix" }

// File is the path of a file; empty for others.
func (a Address) File() string {
	if a.kind != "file" {
		return ""
	}
	return a.host
}
