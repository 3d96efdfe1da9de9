package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// A target is a file that appears complete or not at all.
type target struct {
	streams genericiooptions.IOStreams
	name    string
	temp    *os.File // nil for stdout
	// device is set for what is no file to be replaced: a pipe, /dev/null.
	device bool
}

// newTarget makes sure that the result can be written before a cluster is asked for it.
func newTarget(name string, streams genericiooptions.IOStreams) (*target, error) {
	t := &target{streams: streams, name: name}
	if name == "-" {
		return t, nil
	}
	if err := t.open(); err != nil {
		return nil, couldNotRun("", fmt.Errorf("writing %s: %w", name, cause(err)))
	}
	return t, nil
}

// open creates a file beside the one to write, or, where something is that renaming would destroy,
// opens it.
func (t *target) open() error {
	if file, err := filepath.EvalSymlinks(t.name); err == nil {
		t.name = file
	}
	before, err := os.Stat(t.name)
	switch {
	case err == nil && before.IsDir():
		return errors.New("it is a directory")
	case err == nil && !before.Mode().IsRegular():
		t.device = true
		t.temp, err = os.OpenFile(t.name, os.O_WRONLY, 0)
		return err
	}
	if t.temp, err = createBeside(t.name); err == nil && before != nil {
		err = t.temp.Chmod(before.Mode().Perm())
	}
	if err != nil {
		t.discard()
	}
	return err
}

// createBeside creates a file in the folder of another. Others may read it as far as the umask
// allows, unlike those of os.CreateTemp: whoever collects reports is often somebody else.
func createBeside(name string) (*os.File, error) {
	for {
		temp := filepath.Join(filepath.Dir(name), fmt.Sprintf(".%s.%08x", filepath.Base(name), rand.Uint32()))
		f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

func (t *target) finish(data []byte) error {
	if t.temp == nil {
		return writeTo(t.streams.Out, data)
	}
	_, err := t.temp.Write(data)
	if closeErr := t.temp.Close(); err == nil {
		err = closeErr
	}
	if err == nil && !t.device {
		err = os.Rename(t.temp.Name(), t.name)
	}
	if err != nil {
		return couldNotRun("", fmt.Errorf("writing %s: %w", t.name, cause(err)))
	}
	t.temp = nil
	return nil
}

// discard removes what is left of an unfinished file.
func (t *target) discard() {
	if t.temp == nil {
		return
	}
	t.temp.Close()
	if !t.device {
		os.Remove(t.temp.Name())
	}
	t.temp = nil
}
