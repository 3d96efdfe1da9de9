//go:build !linux

package main

import "errors"

func mountFUSE(string) error { return errors.New("fuse: only on Linux") }
