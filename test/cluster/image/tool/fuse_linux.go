package main

import (
	"fmt"
	"os"
	"syscall"
)

// mountFUSE mounts a file system and closes the device, as the kernel does for a process that dies.
func mountFUSE(dir string) error {
	device, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer device.Close()
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", device.Fd())
	return syscall.Mount("tool", dir, "fuse", 0, options)
}
