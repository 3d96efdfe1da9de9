//go:build linux

package reach

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func parsed(t *testing.T, text string) Address {
	t.Helper()
	a, err := Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return a
}

// TestRequest: what is sent is what net/http understands, and says.
func TestRequest(t *testing.T) {
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = fmt.Sprintf("%s %s %s %s %d %t", r.Method, r.Host, r.URL, r.Proto, r.ContentLength, r.Close)
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	for text, want := range map[string]string{
		"POST=" + server.URL + "/quit?a=b%20c#d": "POST " + host + " /quit?a=b%20c HTTP/1.1 0 true",
		server.URL:                               "POST " + host + " / HTTP/1.1 0 true",
		"DELETE=" + server.URL + "/a b":          "DELETE " + host + " /a%20b HTTP/1.1 0 true",
	} {
		q, err := ParseQuit(text)
		if err == nil {
			err = q.tell(context.Background(), nil)
		}
		if err != nil || got != want {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
}

func TestStatus(t *testing.T) {
	for answer, want := range map[string]string{
		"HTTP/1.1 200 OK\r\n\r\n": "200",
		"HTTP/1.0 503\r\n":        "503",
		"HTTP/1.1 204 \n\n":       "204",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not\r\n\r\n":    "404",
		"HTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\n": "200",
		"":                            "no HTTP answer: unexpected EOF",
		"SSH-2.0-x\r\n":               `no HTTP answer: it begins with "SSH-2.0-x\r\n"`,
		"HTTP/2 200\r\n":              `no HTTP answer: it begins with "HTTP/2 200\r\n"`,
		"HTTP/1.1 2000 OK\r\n":        `no HTTP answer: it begins with "HTTP/1.1 2000 OK\r\n"`,
		"HTTP/1.1 -20 OK\r\n":         `no HTTP answer: it begins with "HTTP/1.1 -20 OK\r\n"`,
		"HTTP/1.1 100 Continue\r\nA:": "no HTTP answer: unexpected EOF",
	} {
		code, err := status(bufio.NewReader(strings.NewReader(answer)))
		got := fmt.Sprint(code)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %s, want %s", answer, got, want)
		}
	}
}

// TestEndless: an answer without an end is given up, and so is none at all.
func TestEndless(t *testing.T) {
	for name, answer := range map[string]func(net.Conn){
		"no end": func(c net.Conn) {
			for _, err := c.Write(make([]byte, 4096)); err == nil; _, err = c.Write(make([]byte, 4096)) {
			}
		},
		"no answer": func(net.Conn) { time.Sleep(time.Minute) },
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		go func() {
			if conn, err := listener.Accept(); err == nil {
				answer(conn)
			}
		}()
		ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
		defer cancel()
		begin := time.Now()
		if err := parsed(t, "http://"+listener.Addr().String()).Try(ctx, nil); err == nil || time.Since(begin) > 20*time.Second {
			t.Errorf("%s: %v after %s", name, err, time.Since(begin))
		}
	}
}

func TestTry(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/no", http.StatusFound)
		}
		if r.URL.Path == "/no" {
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	host := strings.TrimPrefix(server.URL, "http://")
	_, port, _ := net.SplitHostPort(host)
	run := func(_ context.Context, argv []string) (int, error) {
		if argv[0] == "missing" {
			return 0, errors.New("not found")
		}
		return len(argv) - 1, nil
	}
	ctx := context.Background()
	for text, want := range map[string]string{
		"http://" + host + "/": "", "http://localhost:" + port + "/": "", "http://" + host + "/moved": "", "http://" + host + "/no": "it answers 418",
		"tcp://" + host: "", "unix://" + socket: "", "unix:" + socket: "", "unix:" + dir + "/none": "no such file or directory",
		"file:" + dir: "", "file://" + dir: "", "file:" + dir + "/none": "no such file or directory",
		"exec:a": "", "exec:a 'b c' \"\"": "it exits with 2", "exec:missing": "not found",
	} {
		got := ""
		if err := parsed(t, text).Try(ctx, run); err != nil {
			got = Reason(err)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	server.Close()
	listener.Close()
	for _, text := range []string{"http://" + host, "tcp://" + host, "unix:" + socket} {
		if a := parsed(t, text); !a.Gone(ctx) || !a.Local() || !a.Server() || a.Try(ctx, run) == nil {
			t.Errorf("%s is not gone", text)
		}
	}
}

func TestLocal(t *testing.T) {
	for text, want := range map[string]bool{
		"http://127.0.0.1:1/": true, "http://[::1]:1/": true, "http://localhost/": true, "tcp://127.3.2.1:1": true, "tcp://[::1]:1": true,
		"unix:/a": true, "http://10.0.0.1/": false, "tcp://database:5432": false, "file:/a": false, "exec:a": false,
	} {
		if got := parsed(t, text).Local(); got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
}

// TestSecretsInQueries: what is said about an address goes into logs.
func TestSecretsInQueries(t *testing.T) {
	a := parsed(t, "http://127.0.0.1:1/quit?token=secret")
	if err := a.Await(context.Background(), time.Millisecond, nil, nil); err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "/quit?...: not ready after 1ms: connection refused") {
		t.Error(err)
	}
	if _, err := Parse("http://a b/?token=secret"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}

func TestWords(t *testing.T) {
	for text, want := range map[string][]string{
		"a": {"a"}, " a  b\tc ": {"a", "b", "c"}, `a 'b c' "d 'e'"`: {"a", "b c", "d 'e'"}, `a b'c'"d"`: {"a", "bcd"}, `a ''`: {"a", ""},
		"": nil, "  ": nil, "'a": nil, `''`: nil,
	} {
		got, err := words(text)
		if !slices.Equal(got, want) || (err != nil) != (want == nil) {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

// TestQuitFile: it is created, in a folder that is there.
func TestQuitFile(t *testing.T) {
	dir := t.TempDir()
	q, err := ParseQuit("file:" + dir + "/ended")
	if err != nil {
		t.Fatal(err)
	}
	if err := q.End(context.Background(), time.Second, Sight{}, nil); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir + "/ended"); err != nil {
		t.Error(err)
	}
	if q, err = ParseQuit("file:" + dir + "/none/ended"); err != nil {
		t.Fatal(err)
	}
	if err := q.End(context.Background(), 50*time.Millisecond, Sight{}, nil); err == nil {
		t.Error("it says that it created a file in a folder that is not there")
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"http://a:1/b", "tcp://[::1]:1", "unix:///a", "file:/a", "exec:a 'b'", "POST=http://a"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := ParseQuit(text)
		if err == nil && (q.kind == "" || q.kind == "http" && strings.ContainsAny(q.url.RequestURI()+q.url.Host+q.method, " \r\n")) {
			t.Errorf("%q is taken for an address", text)
		}
	})
}
