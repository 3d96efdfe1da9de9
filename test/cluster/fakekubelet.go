package cluster

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"embed"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
)

// Pages of real kubelets: metrics (gzip) and configz, by minor and gate. They
// are recorded by `go test ./test/cluster -run Kubelet -update`.
//
//go:embed testdata/kubelet
var pages embed.FS

// pageFor chooses the recorded pages for a kubelet version: those of its
// minor, or of one with the same stage of the gate. It also completes a minor
// to a full version.
func pageFor(version string, sidecars *bool) (page, full string, err error) {
	if version == "" {
		if version, err = binaries.Newest("kubelet"); err != nil {
			return "", "", err
		}
	}
	full = "v" + strings.TrimPrefix(version, "v")
	parts := strings.SplitN(full, ".", 3)
	if len(parts) < 2 {
		return "", "", fmt.Errorf("%q is no version", version)
	}
	minor, err := strconv.Atoi(parts[1])
	if err != nil {
		return "", "", fmt.Errorf("%q is no version", version)
	}
	if len(parts) == 2 {
		if full, err = binaries.GitVersion(parts[1]); err != nil {
			full, err = "v1."+parts[1]+".0", nil
		}
	}
	switch {
	case minor <= 27:
		page = "1.27"
	case minor == 28:
		page = "1.28-" + onOff(sidecars, false)
	case minor <= 32:
		page = "1.32-" + onOff(sidecars, true)
	default:
		page = "1.36"
	}
	if sidecars != nil && (minor <= 27 && *sidecars || minor >= 33 && !*sidecars) {
		return "", "", fmt.Errorf("no kubelet %s has SidecarContainers=%t", full, *sidecars)
	}
	return page, full, nil
}

func onOff(set *bool, byDefault bool) string {
	if set != nil {
		byDefault = *set
	}
	if byDefault {
		return "on"
	}
	return "off"
}

// fakeKubelet answers like one kubelet for any number of nodes.
type fakeKubelet struct {
	port    int32
	metrics []byte
	zipped  []byte // the same, as it was recorded
	configz []byte
	key     fakeKey
	done    chan struct{} // closed when the cluster stops
}

// fakeKubelet returns the one for the key; c.mu is held.
func (c *Cluster) fakeKubelet(address string, key fakeKey) (*fakeKubelet, error) {
	if k := c.fakes[key]; k != nil {
		return k, nil
	}
	k := &fakeKubelet{key: key, done: make(chan struct{})}
	var err error
	if k.zipped, err = pages.ReadFile("testdata/kubelet/metrics-" + key.page + ".txt.gz"); err != nil {
		return nil, err
	}
	if k.metrics, err = unzip(k.zipped); err != nil {
		return nil, err
	}
	if k.configz, err = pages.ReadFile("testdata/kubelet/configz-" + key.page + ".json"); err != nil {
		return nil, err
	}
	p, err := c.ca.server("fake-kubelet", address)
	if err != nil {
		return nil, err
	}
	serving, err := tls.X509KeyPair(p.cert, p.key)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		return nil, fmt.Errorf("start a fake kubelet: %w", err)
	}
	k.port = int32(listener.Addr().(*net.TCPAddr).Port)
	server := &http.Server{
		Handler: k.handler(), TLSConfig: &tls.Config{Certificates: []tls.Certificate{serving}},
		ErrorLog: log.New(io.Discard, "", 0), // cut connections are meant
	}
	go func() { _ = server.ServeTLS(listener, "", "") }()
	c.closers = append(c.closers, func() { close(k.done); server.Close() })
	if c.fakes == nil {
		c.fakes = map[fakeKey]*fakeKubelet{}
	}
	c.fakes[key] = k
	return k, nil
}

func unzip(data []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}

func (k *fakeKubelet) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		w.Header().Set("Process-Start-Time-Unix", "1700000000")
		if k.key.metrics == Serve && takesGzip(r) {
			// Thousands of kubelets compress on thousands of machines, not all of them here.
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(k.zipped)
			return
		}
		k.answer(w, r, k.key.metrics, k.metrics)
	})
	mux.HandleFunc("GET /configz", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		k.answer(w, r, k.key.configz, k.configz)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	return mux
}

var statusOf = map[Behavior]int{
	Unauthorized: http.StatusUnauthorized, Forbidden: http.StatusForbidden,
	NotFound: http.StatusNotFound, ServerError: http.StatusInternalServerError,
}

func (k *fakeKubelet) answer(w http.ResponseWriter, r *http.Request, behavior Behavior, page []byte) {
	if status := statusOf[behavior]; status != 0 {
		http.Error(w, http.StatusText(status), status)
		return
	}
	if behavior == Hang {
		k.wait(r)
		return
	}
	out, flush, end := compressed(w, r)
	switch behavior {
	case Garbage:
		_, _ = out.Write(bytes.Repeat([]byte("\x00\xff{\"<html>\n"), 1000))
	case Empty:
	case Truncated, HangMidway:
		_, _ = out.Write(page[:len(page)/2])
		flush()
		if behavior == HangMidway {
			k.wait(r)
		}
		panic(http.ErrAbortHandler) // cut the connection
	case Drip, Endless:
		k.trickle(out, flush, r, behavior, page)
	default:
		_, _ = out.Write(page)
	}
	end()
}

// trickle sends the page in pieces; the endless one begins anew forever, so
// that it never comes to families that sort behind those of its first KBs.
func (k *fakeKubelet) trickle(out io.Writer, flush func(), r *http.Request, behavior Behavior, page []byte) {
	pause := 250 * time.Millisecond
	for start := 0; behavior == Endless || start < len(page); start += 1 << 10 {
		if behavior == Endless {
			start, pause = 0, time.Millisecond
		}
		if _, err := out.Write(page[start:min(start+1<<10, len(page))]); err != nil {
			return
		}
		flush()
		select {
		case <-r.Context().Done():
			return
		case <-k.done:
			return
		case <-time.After(pause):
		}
	}
}

func (k *fakeKubelet) wait(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-k.done:
	}
}

func takesGzip(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")
}

// compressed writes gzip if the client takes it, as kubelets do. It returns
// how to pass on what was written so far, and how to end properly.
func compressed(w http.ResponseWriter, r *http.Request) (out io.Writer, flush, end func()) {
	controller := http.NewResponseController(w)
	if !takesGzip(r) {
		return w, func() { _ = controller.Flush() }, func() {}
	}
	w.Header().Set("Content-Encoding", "gzip")
	zip := gzip.NewWriter(w)
	return zip, func() { _ = zip.Flush(); _ = controller.Flush() }, func() { _ = zip.Close() }
}
