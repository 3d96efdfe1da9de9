//go:build linux

package reach

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// most is what is read of an answer, in bytes: only its status counts.
const most = 64 << 10

// send sends a request without a body and returns the status of the answer. It is HTTP/1.1 as far as asking a sidecar
// in the same pod needs it: no redirects, no proxies, no TLS, one connection for each request. net/http can do all
// that, and makes the program two and a half times as large.
func send(ctx context.Context, method string, u *url.URL) (int, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", hostPort(u))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	_, err = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: sidecar-run\r\nAccept: */*\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
		method, u.RequestURI(), u.Host)
	if err != nil {
		return 0, err
	}
	return status(bufio.NewReader(io.LimitReader(conn, most)))
}

// status reads the status of an answer, after those that only announce it (1xx).
func status(r *bufio.Reader) (int, error) {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return 0, fmt.Errorf("no HTTP answer: %w", unexpected(err))
		}
		version, rest, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		text, _, _ := strings.Cut(rest, " ")
		code, err := strconv.Atoi(text)
		if !strings.HasPrefix(version, "HTTP/1.") || len(text) != 3 || err != nil || code < 100 {
			return 0, fmt.Errorf("no HTTP answer: it begins with %.40q", line)
		}
		if code >= 200 || code == 101 {
			return code, nil
		}
		for blank := false; !blank; {
			if line, err = r.ReadString('\n'); err != nil {
				return 0, fmt.Errorf("no HTTP answer: %w", unexpected(err))
			}
			blank = strings.TrimRight(line, "\r\n") == ""
		}
	}
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// hostPort is where to connect to for a URL.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}
