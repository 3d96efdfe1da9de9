// Command docs writes docs/cli anew: one page for each command.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/kubectl-sidecar/kubectl-sidecar/hack/docs/manual"
)

const folder = "docs/cli"

func main() {
	if err := write(); err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		os.Exit(1)
	}
}

// write leaves nothing in the folder that no command has written.
func write() error {
	pages, err := manual.Markdown()
	if err != nil {
		return err
	}
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for name, page := range pages {
		if err := os.WriteFile(filepath.Join(folder, name), page, 0o644); err != nil {
			return err
		}
	}
	return nil
}
