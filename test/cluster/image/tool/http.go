package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

var client = &http.Client{Timeout: 5 * time.Second}

func get(url string) error {
	response, err := client.Get(url)
	return check(response, err)
}

func post(url string) error {
	response, err := client.Post(url, "text/plain", http.NoBody)
	return check(response, err)
}

func check(response *http.Response, err error) error {
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s", response.Request.Method, response.Request.URL, response.Status)
	}
	fmt.Println(response.Request.Method, response.Request.URL, response.Status)
	return nil
}

func retry(args []string) error {
	return withDuration(args[0], func(d time.Duration) error {
		deadline := time.Now().Add(d)
		for {
			err := get(args[1])
			if err == nil || time.Now().After(deadline) {
				return err
			}
			time.Sleep(200 * time.Millisecond)
		}
	})
}

func connect(args []string) error {
	conn, err := net.DialTimeout("tcp", args[0], 5*time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}

func listen(args []string) error {
	listener, handler, err := server(args)
	if err != nil {
		return err
	}
	go func() { _ = http.Serve(listener, handler) }()
	return nil
}

func serve(args []string) error {
	listener, handler, err := server(args)
	if err != nil {
		return err
	}
	return http.Serve(listener, handler)
}

func server(args []string) (net.Listener, http.Handler, error) {
	codes := map[string]int{}
	for _, arg := range args[1:] {
		path, text, _ := strings.Cut(arg, "=")
		code, err := strconv.Atoi(text)
		if err != nil {
			return nil, nil, fmt.Errorf("%q is not PATH=CODE", arg)
		}
		codes[path] = code
	}
	listener, err := net.Listen("tcp", args[0])
	if err != nil {
		return nil, nil, err
	}
	fmt.Println("listening on", listener.Addr())
	return listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/quitquitquit" {
			fmt.Println("asked to quit")
			fmt.Fprintln(w, "bye")
			time.AfterFunc(100*time.Millisecond, func() { os.Exit(0) })
			return
		}
		if code := codes[r.URL.Path]; code != 0 {
			w.WriteHeader(code)
		}
		fmt.Fprintln(w, r.Method, r.URL.Path)
	}), nil
}
