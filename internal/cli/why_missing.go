package cli

import (
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
)

// alikeOf is what may have been meant by a name that does not exist: something else of that name, or what is called
// nearly so; "" when nothing is.
func alikeOf(e *collect.MissingError) string {
	for _, typed := range e.Names {
		i := slices.IndexFunc(e.Others, func(o collect.Name) bool { return o.Name == typed.Name && o.Kind() != typed.Kind() })
		if i < 0 {
			var names []string
			for _, o := range e.Others {
				if o.Kind() == typed.Kind() || typed.Kind() == "Pod" {
					names = append(names, o.Name)
				}
			}
			best := nearest(typed.Name, names)
			i = slices.IndexFunc(e.Others, func(o collect.Name) bool { return o.Name == best && best != "" })
		}
		if i >= 0 {
			return e.Others[i].String()
		}
	}
	return ""
}
