package cluster

import "syscall"

const (
	utsSpace = syscall.CLONE_NEWUTS
	netSpace = syscall.CLONE_NEWNET
	// nodeSpaces are the namespaces of a node; it makes one for its cgroups
	// itself, once it is in the right one.
	nodeSpaces = syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC
)

// attributes puts a child into namespaces, and into a session of its own, as
// Ctrl-C must not stop half of a cluster. It may be made to die with us.
func attributes(spaces uintptr, mortal bool) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setsid: true, Cloneflags: spaces}
	if mortal {
		a.Pdeathsig = syscall.SIGKILL
	}
	return a
}
