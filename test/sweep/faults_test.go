package sweep

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A fault is one way in which a request goes wrong.
type fault struct {
	name  string
	spoil func(*exchange)
	// passing faults may be got over by trying again.
	passing bool
}

// An exchange is one request that is to go wrong; nth counts those of its class from 1.
type exchange struct {
	proxy *proxy
	w     http.ResponseWriter
	r     *http.Request
	nth   int
}

var faults = []fault{
	{name: "401", spoil: status(401, metav1.StatusReasonUnauthorized, "Unauthorized")},
	{name: "403", spoil: status(403, metav1.StatusReasonForbidden, "forbidden: you may not")},
	{name: "404", spoil: status(404, metav1.StatusReasonNotFound, "the server could not find the requested resource")},
	{name: "410", spoil: status(410, metav1.StatusReasonExpired, "The provided continue parameter is too old to display a consistent list result")},
	{name: "410 once", spoil: once(status(410, metav1.StatusReasonExpired, "The provided continue parameter is too old"), 1), passing: true},
	{name: "429", spoil: busy},
	{name: "429 once", spoil: once(busy, 1), passing: true},
	{name: "500", spoil: status(500, metav1.StatusReasonInternalError, "Internal error occurred: etcdserver: request timed out")},
	{name: "503", spoil: status(503, metav1.StatusReasonServiceUnavailable, "the server is currently unable to handle the request")},
	{name: "refused", spoil: (*exchange).refuse},
	{name: "reset in mid-body", spoil: (*exchange).reset},
	{name: "truncated body", spoil: (*exchange).truncate},
	{name: "wrong content type", spoil: (*exchange).mislabel},
	{name: "login page", spoil: loginPage},
	{name: "garbage", spoil: garbage},
	{name: "nothing", spoil: func(x *exchange) { x.w.WriteHeader(http.StatusOK) }},
	{name: "endless body", spoil: (*exchange).endless},
	{name: "one byte per second", spoil: (*exchange).drip},
	{name: "success after two failures", spoil: once(status(503, metav1.StatusReasonServiceUnavailable, "starting"), 2), passing: true},
}

// status answers as an API server does.
func status(code int, reason metav1.StatusReason, message string) func(*exchange) {
	return func(x *exchange) {
		body, err := json.Marshal(metav1.Status{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
			Status:   metav1.StatusFailure, Reason: reason, Message: message, Code: int32(code),
		})
		if err != nil {
			panic(err)
		}
		x.w.Header().Set("Content-Type", "application/json")
		x.w.WriteHeader(code)
		_, _ = x.w.Write(body)
	}
}

func busy(x *exchange) {
	x.w.Header().Set("Retry-After", "1")
	status(429, metav1.StatusReasonTooManyRequests, "too many requests, please try again later")(x)
}

// once spoils the first times requests of the class only.
func once(spoil func(*exchange), times int) func(*exchange) {
	return func(x *exchange) {
		if x.nth > times {
			x.proxy.pass(x.w, x.r)
			return
		}
		spoil(x)
	}
}

// answer is what the API server says, with its header copied.
func (x *exchange) answer() (code int, body []byte) {
	resp, err := x.proxy.ask(x.r)
	if err != nil {
		return http.StatusBadGateway, []byte(err.Error())
	}
	defer resp.Body.Close()
	copyHeader(x.w.Header(), resp.Header)
	body, err = io.ReadAll(resp.Body)
	if err != nil {
		return http.StatusBadGateway, []byte(err.Error())
	}
	return resp.StatusCode, body
}

// refuse makes the API server go away: from now on every connection is refused.
func (x *exchange) refuse() {
	x.proxy.vanish()
	panic(http.ErrAbortHandler)
}

// half sends the first half of the true answer.
func (x *exchange) half() {
	code, body := x.answer()
	x.w.WriteHeader(code)
	_, _ = x.w.Write(body[:len(body)/2])
	_ = http.NewResponseController(x.w).Flush()
}

func (x *exchange) reset() {
	x.half()
	panic(http.ErrAbortHandler)
}

func (x *exchange) truncate() { x.half() }

// mislabel sends the true answer as something else.
func (x *exchange) mislabel() {
	code, body := x.answer()
	x.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	x.w.WriteHeader(code)
	_, _ = x.w.Write(body)
}

func loginPage(x *exchange) {
	x.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(x.w, "<!DOCTYPE html><html><body>Please log in</body></html>")
}

func garbage(x *exchange) {
	_, _ = x.answer() // its header
	x.w.Header().Del("Content-Encoding")
	_, _ = x.w.Write(bytes.Repeat([]byte("\x00\xff\x1b[31m{\"<\n"), 500))
}

// endless sends the beginning of the true answer again and again.
func (x *exchange) endless() {
	code, body := x.answer()
	x.w.WriteHeader(code)
	piece := append(bytes.Clone(body[:len(body)/2]), bytes.Repeat([]byte(" "), 1<<10)...)
	for range 1 << 20 {
		if _, err := x.w.Write(piece); err != nil || !x.wait(time.Millisecond) {
			return
		}
	}
}

func (x *exchange) drip() {
	code, body := x.answer()
	x.w.WriteHeader(code)
	for i := range body {
		_, err := x.w.Write(body[i : i+1])
		_ = http.NewResponseController(x.w).Flush()
		if err != nil || !x.wait(time.Second) {
			return
		}
	}
}

// wait is false when there is nobody to wait for any more.
func (x *exchange) wait(d time.Duration) bool {
	select {
	case <-x.r.Context().Done():
		return false
	case <-x.proxy.done:
		return false
	case <-time.After(d):
		return true
	}
}

// nobody is an address where connections are refused.
func nobody() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
