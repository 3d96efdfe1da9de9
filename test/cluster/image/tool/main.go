// Command tool is what runs in the containers of a test cluster. It is given
// a list of steps, separated by `then`, each of which either ends, so that
// the next one begins, or does not:
//
//	tool log starting then wait-file /shared/ready then get http://127.0.0.1:8080/ then exit 0
//
//	pause                     wait for SIGTERM or SIGINT, then exit 0
//	sleep DURATION            do nothing for a while; SIGTERM exits 0
//	exit CODE                 end with this code
//	crash                     die of SIGSEGV
//	die                       die of SIGKILL, unless it is process 1
//	oom                       allocate memory until killed
//	child STEP ARGUMENT...    run a step as another process, and go on whatever becomes of it
//	fuse DIRECTORY [FILE]     mount a FUSE file system there that nobody serves, unless the file is there
//	list DIRECTORY            fail unless its entries can be read
//	use MIB                   allocate so much memory, and give it back
//	log TEXT                  print a line
//	ignore-term               from now on do not react to SIGTERM
//	term-after DURATION       from now on end that long after SIGTERM
//	touch FILE                create a file
//	fill FILE MIB             write a file of so much
//	wait-file FILE            until the file is there
//	get URL                   fail unless the answer is 2xx
//	retry DURATION URL        get again and again, fail after that long
//	post URL                  POST nothing, fail unless the answer is 2xx
//	listen ADDRESS            serve in the background, see serve
//	serve ADDRESS [PATH=CODE] answer HTTP on this address: PATH with CODE,
//	                          /quitquitquit ends the program with 0, all else 200
//	connect ADDRESS           fail unless a TCP connection can be made
package main

import (
	"fmt"
	"os"
	"slices"
	"time"
)

func main() {
	steps := split(os.Args[1:])
	if len(steps) == 0 {
		steps = [][]string{{"pause"}}
	}
	catchTerm()
	for _, step := range steps {
		if err := run(step[0], step[1:]); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", step[0], err)
			os.Exit(1)
		}
	}
}

func split(args []string) [][]string {
	var steps [][]string
	for len(args) > 0 {
		end := slices.Index(args, "then")
		if end < 0 {
			end = len(args)
		}
		if end > 0 {
			steps = append(steps, args[:end])
		}
		args = args[min(end+1, len(args)):]
	}
	return steps
}

var commands = map[string]struct {
	args int // how many it needs at least
	run  func(args []string) error
}{
	"pause": {0, func([]string) error { return pause() }},
	"sleep": {1, func(a []string) error {
		return withDuration(a[0], func(d time.Duration) error { time.Sleep(d); return nil })
	}},
	"exit":        {1, exit},
	"crash":       {0, func([]string) error { return crash() }},
	"die":         {0, func([]string) error { return die() }},
	"oom":         {0, func([]string) error { return exhaust() }},
	"child":       {1, child},
	"fuse":        {1, fuse},
	"list":        {1, list},
	"use":         {1, use},
	"log":         {1, say},
	"ignore-term": {0, func([]string) error { return onTerm(func() {}) }},
	"term-after":  {1, termAfter},
	"touch":       {1, touch},
	"fill":        {2, fill},
	"wait-file":   {1, waitFile},
	"get":         {1, func(a []string) error { return get(a[0]) }},
	"retry":       {2, retry},
	"post":        {1, func(a []string) error { return post(a[0]) }},
	"listen":      {1, listen},
	"serve":       {1, serve},
	"connect":     {1, connect},
}

func run(name string, args []string) error {
	command, ok := commands[name]
	if !ok {
		return fmt.Errorf("no such step")
	}
	if len(args) < command.args {
		return fmt.Errorf("%d arguments needed, got %q", command.args, args)
	}
	return command.run(args)
}
