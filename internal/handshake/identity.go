//go:build linux

package handshake

import (
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

// Identity names the pod sandbox that this container is in, as far as it can be seen from within: the boot of the
// node, the network of the sandbox, and containerd's name for it. All of that stays the same when a container is
// restarted, and something of it changes when the kubelet makes a new sandbox, and so starts with the init containers
// again. What cannot be read is left out, always.
func Identity() string {
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	return fmt.Sprintf("boot=%s network=%s sandbox=%s", strings.TrimSpace(string(boot)), network(), sandbox(string(mounts)))
}

// netnsCookie is SO_NETNS_COOKIE: a number that no other network has in the same boot, from Linux 5.14 on.
const netnsCookie = 71

// network names the network namespace. The number of its file, which older kernels have, may be given again.
func network() string {
	if fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0); err == nil {
		defer syscall.Close(fd)
		var cookie uint64
		size := uint32(unsafe.Sizeof(cookie))
		_, _, failed := syscall.Syscall6(syscall.SYS_GETSOCKOPT, uintptr(fd), syscall.SOL_SOCKET, netnsCookie,
			uintptr(unsafe.Pointer(&cookie)), uintptr(unsafe.Pointer(&size)), 0)
		if failed == 0 {
			return strconv.FormatUint(cookie, 10)
		}
	}
	link, _ := os.Readlink("/proc/self/ns/net")
	return link
}

// sandbox is containerd's name for it: files of the sandbox are mounted into its containers, and that path has it.
func sandbox(mounts string) string {
	for line := range strings.Lines(mounts) {
		fields := strings.Fields(line) // ID PARENT DEVICE ROOT MOUNTPOINT ...
		if len(fields) < 5 || fields[4] != "/etc/resolv.conf" && fields[4] != "/etc/hostname" {
			continue
		}
		if dir := path.Dir(fields[3]); path.Base(path.Dir(dir)) == "sandboxes" {
			return path.Base(dir)
		}
	}
	return ""
}
