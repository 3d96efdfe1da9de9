package manifests

import (
	"fmt"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
)

var twinSuperfluous = podCheck(checks.Check{
	ID:       "twin-superfluous",
	Title:    "no init container does first what a native sidecar does before anything depends on it",
	Severity: checks.Info,
}, func(p *pod) []checks.Finding {
	var out []checks.Finding
	for _, c := range p.inits {
		for _, n := range p.natives {
			if c.Image == "" || c.Image != n.Image || !slices.Equal(c.Command, n.Command) || !sameMounts(c, n) || n.StartupProbe == nil || n.index < c.index {
				continue
			}
			out = append(out, p.finding(c, p.at(c),
				fmt.Sprintf("init container %s has the image, the command and the volumes of native sidecar %s, whose startupProbe holds back the next containers", c.Name, n.Name),
				[]string{c.field("image: " + c.Image), n.field("image: " + n.Image), n.field("startupProbe") + " is set"},
				do("Remove %s if the startupProbe of %s succeeds only once the first work is done. Otherwise leave it.", c.Name, n.Name)))
		}
	}
	return out
})

// sameMounts reports whether two containers mount the same volumes.
func sameMounts(a, b *container) bool {
	of := func(c *container) []string {
		var out []string
		for _, m := range c.VolumeMounts {
			out = append(out, m.Name)
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(of(a), of(b))
}
