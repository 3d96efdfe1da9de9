package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for args, want := range map[string]string{
		"":                       "[]",
		"pause":                  "[[pause]]",
		"log a b then exit 0":    "[[log a b] [exit 0]]",
		"then log a then":        "[[log a]]",
		"sleep 1s then then oom": "[[sleep 1s] [oom]]",
	} {
		if got := fmt.Sprint(split(strings.Fields(args))); got != want {
			t.Errorf("%q: got %s, want %s", args, got, want)
		}
	}
}

func TestUnknownStep(t *testing.T) {
	if err := run("dance", nil); err == nil {
		t.Error("no error")
	}
	if err := run("sleep", nil); err == nil {
		t.Error("sleep without an argument: no error")
	}
}
