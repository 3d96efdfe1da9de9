package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// version is set by release builds (-ldflags -X); otherwise the module's version is used.
var version string

// A build is what version prints.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"` // empty where the build did not record it, as in releases: their version names it
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func buildVersion() build {
	b := build{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		b.Version = cmp.Or(b.Version, "unknown")
		return b
	}
	b.Version = cmp.Or(b.Version, info.Main.Version, "(devel)")
	dirty := ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				dirty = "-dirty"
			}
		}
	}
	if b.Commit != "" {
		b.Commit += dirty
	}
	return b
}

func newVersion(name string, streams genericiooptions.IOStreams) *cobra.Command {
	format := choice{valid: []string{"text", "json"}}
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version of this program",
		Example: examples(name, "for a bug report", "version"),
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			b := buildVersion()
			var out bytes.Buffer
			if format.value == "json" {
				e := json.NewEncoder(&out)
				e.SetIndent("", "  ")
				if err := e.Encode(b); err != nil {
					return err
				}
			} else {
				commit := ""
				if b.Commit != "" {
					commit = "commit " + b.Commit + ", "
				}
				fmt.Fprintf(&out, "kubectl-sidecar %s (%s%s, %s)\n", b.Version, commit, b.Go, b.Platform)
			}
			return writeTo(streams.Out, out.Bytes())
		},
	}
	addChoice(cmd, &format, "output", "o", "Output format")
	return cmd
}
