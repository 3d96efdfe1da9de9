package cli

import (
	"testing"

	"github.com/spf13/cobra"
)

// TestWhyAsControllers: what why finds out as doctor does, it finds out as the caller alone when it is told so.
func TestWhyAsControllers(t *testing.T) {
	for _, args := range [][]string{nil, {"--as-controllers=false"}} {
		cmd := &cobra.Command{}
		o := &whyOptions{cluster: newWhyClusterFlags(cmd)}
		o.cluster.addControllers(cmd.Flags())
		server := append([]string{"--server", "https://127.0.0.1:1"}, args...)
		if err := cmd.ParseFlags(server); err != nil {
			t.Fatal(err)
		}
		options, _, err := o.options()
		if err != nil {
			t.Fatal(err)
		}
		if options.NoImpersonation != (args != nil) {
			t.Errorf("%q: NoImpersonation is %t", args, options.NoImpersonation)
		}
	}
}
