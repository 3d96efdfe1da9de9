//go:build !linux

package cluster

import "syscall"

// Elsewhere this package only compiles: Start refuses.
const utsSpace, netSpace, nodeSpaces = 0, 0, 0

func attributes(uintptr, bool) *syscall.SysProcAttr { return nil }
