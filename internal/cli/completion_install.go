package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

const (
	pluginFile   = "kubectl-sidecar"
	completeFile = "kubectl_complete-sidecar"
)

// ownScript is the beginning of every script that this program has ever written: a file that begins
// otherwise is somebody else's.
const ownScript = "#!/bin/sh\n# kubectl completes \"kubectl sidecar\" with an executable of this name on PATH.\n"

// KubectlComplete is what kubectl runs to complete the arguments of a plugin. What goes wrong is
// nothing that belongs into the line that is being typed.
const KubectlComplete = ownScript + "exec " + pluginFile + " __complete \"$@\" 2>/dev/null\n"

const windowsComplete = "put a file kubectl_complete-sidecar.cmd with the line  @kubectl-sidecar.exe __complete %*  into a folder on PATH"

func newCompletionInstall(name string, streams genericiooptions.IOStreams) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Let kubectl complete this plugin: put its script on PATH",
		Long: `Write kubectl_complete-sidecar, the script with which kubectl completes this
plugin, into a folder on PATH: the one where the plugin is, or else the first that
can be written. A file of that name that is not of this plugin is left alone.`,
		Example: examples(name,
			"next to the plugin", "completion install",
			"somewhere else", "completion install --dir ~/.local/bin"),
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			if runtime.GOOS == "windows" {
				return couldNotRun(windowsComplete, errors.New("the script needs a Unix shell, so it is not installed here"))
			}
			return installCompletion(streams, dir)
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "Write into this `folder` instead of looking for one")
	return cmd
}

func installCompletion(streams genericiooptions.IOStreams, dir string) error {
	target, err := placeForCompletion(dir)
	if err != nil {
		return err
	}
	say := "wrote " + target
	switch there, err := os.ReadFile(target); {
	case errors.Is(err, os.ErrNotExist):
		err = writeNew(target)
		if err != nil {
			return couldNotRun("name a folder that can be written: --dir", fmt.Errorf("writing %s: %w", target, cause(err)))
		}
	case err != nil:
		return couldNotRun("name another folder: --dir", fmt.Errorf("reading %s: %w", target, cause(err)))
	case string(there) == KubectlComplete && executable(target):
		say = target + " is there already"
	case bytes.HasPrefix(there, []byte(ownScript)):
		if err := replace(target); err != nil {
			return couldNotRun("", fmt.Errorf("writing %s: %w", target, cause(err)))
		}
		say = "renewed " + target
	default:
		return couldNotRun("move it away, or name another folder: --dir", fmt.Errorf("%s does not belong to this program and was left as it is", target))
	}
	noteCompletion(streams, target)
	return writeTo(streams.Out, []byte(say+"\nkubectl sidecar is completed wherever kubectl is: see kubectl completion --help\n"))
}

// placeForCompletion is the file to write. One that kubectl would find already is the one: a second
// would change nothing, or would hide it.
func placeForCompletion(dir string) (string, error) {
	if dir != "" {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return "", couldNotRun("", err)
		}
		return filepath.Join(abs, completeFile), nil
	}
	folders := foldersOnPath()
	for _, d := range folders {
		if _, err := os.Lstat(filepath.Join(d, completeFile)); err == nil {
			return filepath.Join(d, completeFile), nil
		}
	}
	if plugin, err := exec.LookPath(pluginFile); err == nil && filepath.IsAbs(plugin) {
		folders = slices.Concat([]string{filepath.Dir(plugin)}, folders)
	}
	for _, d := range folders {
		if writable(d) {
			return filepath.Join(d, completeFile), nil
		}
	}
	return "", couldNotRun("name a folder that can be written, and put it on PATH: --dir", errors.New("no folder on PATH can be written"))
}

func foldersOnPath() []string {
	var out []string
	for _, d := range filepath.SplitList(os.Getenv("PATH")) {
		if filepath.IsAbs(d) {
			out = append(out, filepath.Clean(d))
		}
	}
	return out
}

// writable reports whether a file can be made in dir, by making one: rights alone do not tell.
func writable(dir string) bool {
	f, err := os.CreateTemp(dir, "."+completeFile+".*")
	if err != nil {
		return false
	}
	f.Close()
	return os.Remove(f.Name()) == nil
}

func executable(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode()&0o111 != 0
}

// writeNew writes the script to a name at which there is nothing, not even by a race.
func writeNew(file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = f.WriteString(KubectlComplete)
	if err := errors.Join(err, f.Chmod(0o755), f.Close()); err != nil {
		os.Remove(file)
		return err
	}
	return nil
}

// replace writes the script over an older one of this program, in one step.
func replace(file string) error {
	temp, err := os.MkdirTemp(filepath.Dir(file), "."+completeFile+".*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if err := writeNew(filepath.Join(temp, completeFile)); err != nil {
		return err
	}
	return os.Rename(filepath.Join(temp, completeFile), file)
}

// noteCompletion says why the file will not help, if it will not.
func noteCompletion(streams genericiooptions.IOStreams, target string) {
	var notes []string
	found, err := exec.LookPath(completeFile)
	switch {
	case err != nil:
		notes = append(notes, filepath.Dir(target)+" is not on PATH: kubectl will not find it there")
	case filepath.Clean(found) != target:
		notes = append(notes, found+" comes first on PATH: kubectl uses that one")
	}
	if _, err := exec.LookPath(pluginFile); err != nil {
		notes = append(notes, pluginFile+" is not on PATH: the script will not find it")
	}
	if len(notes) > 0 {
		fmt.Fprintf(streams.ErrOut, "note: %s\n", strings.Join(notes, "\nnote: "))
	}
}
