//go:build linux

// Package handshake decides which of two containers of a pod runs a sidecar: the one among the init containers, where
// native sidecars work, or else the one among the regular containers. It is decided in a folder that both mount, by
// the file system alone.
//
// There are two files. "first" is what the native one leaves at its first start in a pod sandbox: the sandbox and a
// name for the decision. "decision-NAME" says who runs the sidecar. It is made complete under another name and then
// linked, which only one can do, and is never changed or removed. What a crash of the node leaves is of another boot,
// hence void.
package handshake

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A Side is one of the two containers.
type Side string

// The two sides; None is before the decision.
const (
	None   Side = ""
	Native Side = "native"
	Old    Side = "old"
)

// A Step is what a container of the pod has to do now.
type Step string

const (
	// Run is to run the sidecar's command.
	Run Step = "run"
	// Exit is to exit with 0 at once.
	Exit Step = "exit"
	// Idle is to do nothing until told to terminate.
	Idle Step = "idle"
)

// A Dir is the folder that both mount.
type Dir struct {
	Path string
	// Identity names the pod sandbox.
	Identity string
	// before is called before each step that others can see, for tests.
	before func(step string)
}

const (
	version = "sidecar-run 1"
	first   = "first"
)

// errFirst is that there is no first file.
var errFirst = errors.New("the container with --universal native has left nothing there: do both mount the same volume?")

// AsNative is what the one among the init containers does.
//
// A kubelet without native sidecars runs it once in a sandbox and waits until it has exited with 0; one with them
// restarts it. The second start therefore is the proof, unless the first was killed between leaving its file and
// exiting: nothing but SIGKILL can do that, and nothing comes after the file.
func (d Dir) AsNative() (Step, error) {
	if err := d.make(); err != nil {
		return Exit, err
	}
	name, identity, err := d.readFirst()
	if err != nil && !errors.Is(err, errFirst) {
		return Exit, err
	}
	if err != nil || identity != d.Identity {
		return Exit, d.leaveFirst()
	}
	side, err := d.claim(name, Native)
	switch {
	case err != nil:
		return Exit, err
	case side == Native:
		return Run, nil
	}
	// The old one runs the sidecar. As an init container this has to exit. If it is restarted all the same, then the
	// kubelet runs native sidecars and was too early with the other: it would be restarted forever, and never be ready.
	if d.create("yielded-"+name) == nil {
		return Exit, nil
	}
	return Idle, nil
}

// make makes the folder where it is one in the volume, for both containers: they may run as different users.
func (d Dir) make() error {
	umask := syscall.Umask(0) // with a chmod afterwards it could be killed before that
	defer syscall.Umask(umask)
	if err := os.Mkdir(d.Path, 0o777); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// A Grace is how long the old one waits for the native one to claim the pod.
type Grace struct {
	// First is for where it is not known whether the kubelet runs native sidecars.
	First time.Duration
	// Known is for where it did so in an earlier sandbox of the pod. Kubelets may then start the regular containers
	// early, and restart the native one late, because it has exited before.
	Known time.Duration
}

// AsOld is what the one among the regular containers does.
func (d Dir) AsOld(ctx context.Context, grace Grace) (Side, error) {
	patience := grace.First
	if d.wasNative() {
		patience = grace.Known
	}
	for begin := time.Now(); ; {
		name, _, err := d.readFirst()
		if err == nil {
			side, failed := d.read(name)
			if failed != nil || side != None {
				return side, failed
			}
		}
		if time.Since(begin) >= patience {
			if err != nil {
				return None, err
			}
			return d.claim(name, Old)
		}
		select {
		case <-ctx.Done():
			return None, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// wasNative reports whether the native one has ever run the sidecar of this pod.
func (d Dir) wasNative() bool {
	made, _ := filepath.Glob(filepath.Join(d.Path, "decision-*"))
	return slices.ContainsFunc(made, func(file string) bool {
		side, _ := d.read(strings.TrimPrefix(filepath.Base(file), "decision-"))
		return side == Native
	})
}

// Decided is who runs the sidecar; None when that is not decided yet.
func (d Dir) Decided() (Side, error) {
	name, _, err := d.readFirst()
	if errors.Is(err, errFirst) {
		return None, nil
	}
	if err != nil {
		return None, err
	}
	return d.read(name)
}

// readFirst returns the name of the decision, and the sandbox it is about. A torn file is as good as none.
func (d Dir) readFirst() (name, identity string, err error) {
	text, err := os.ReadFile(filepath.Join(d.Path, first))
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", errFirst
	}
	if err != nil {
		return "", "", err
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) != 4 || lines[0] != version || lines[1] == "" || strings.ContainsRune(lines[1], '/') || lines[3] != "" {
		return "", "", errFirst
	}
	return lines[1], lines[2], nil
}

// leaveFirst leaves the first file. The folder is not synced: nothing may come between the file and the exit, and
// after a crash another boot counts.
func (d Dir) leaveFirst() error {
	temporary, err := d.write(func(name string) string { return version + "\n" + name + "\n" + d.Identity + "\n" })
	if err != nil {
		return err
	}
	d.at("rename")
	return os.Rename(temporary, filepath.Join(d.Path, first))
}

// claim makes a side's decision, or returns the other's that was there before.
func (d Dir) claim(name string, side Side) (Side, error) {
	if made, err := d.read(name); err != nil || made != None {
		return made, err
	}
	temporary, err := d.write(func(string) string { return version + "\n" + string(side) + "\n" })
	if err != nil {
		return None, err
	}
	d.at("link")
	err = os.Link(temporary, filepath.Join(d.Path, "decision-"+name))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return None, err
	}
	d.at("unlink")
	os.Remove(temporary)
	return d.read(name)
}

func (d Dir) read(name string) (Side, error) {
	text, err := os.ReadFile(filepath.Join(d.Path, "decision-"+name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return None, nil
	case err != nil:
		return None, err
	}
	for _, side := range []Side{Native, Old} {
		if string(text) == version+"\n"+string(side)+"\n" {
			return side, nil
		}
	}
	return None, fmt.Errorf("%s: not a decision of this version: %.40q", filepath.Join(d.Path, "decision-"+name), text)
}

// write writes a complete file that nobody looks at yet.
func (d Dir) write(text func(name string) string) (path string, err error) {
	d.at("create")
	f, err := os.CreateTemp(d.Path, "new-*")
	if err != nil {
		return "", err
	}
	// Both containers may run as different users.
	d.at("write")
	_, err = f.WriteString(text(strings.TrimPrefix(filepath.Base(f.Name()), "new-")))
	d.at("sync")
	return f.Name(), errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
}

func (d Dir) create(name string) error {
	d.at("yield")
	f, err := os.OpenFile(filepath.Join(d.Path, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

func (d Dir) at(step string) {
	if d.before != nil {
		d.before(step)
	}
}
