package roles

import (
	"slices"
	"strings"
)

// FedTooLate: an init container writes files that a container reads, and comes after the init container that needs this
// one. Wherever it goes, one of the two
// is missing. feeder is the first; empty where all is well.
func (j *Judgment) FedTooLate(c *Container) (feeder string, evidence []Evidence) {
	of := judge{Judgment: *j}
	at := of.place(of.neededBy(c))
	if at < 0 {
		return "", nil
	}
	for i := at; i < len(j.Containers) && j.Containers[i].Init; i++ {
		o := &j.Containers[i]
		if o.native() {
			continue
		}
		for k, m := range o.VolumeMounts {
			if own := mount(c.Container, m.Name); !m.ReadOnly && of.emptyDir(m.Name) && own != nil && (own.ReadOnly || c.reads(own.MountPath)) {
				return o.Name, []Evidence{of.evidence(o, m.Name+" at "+m.MountPath, "volumeMounts", itoa(k)), of.evidence(&j.Containers[at], j.Containers[at].Name, "name")}
			}
		}
	}
	return "", nil
}

// reads reports whether a container's command line or variables name something below a folder.
func (c *Container) reads(folder string) bool {
	return slices.ContainsFunc(textsOf(c.Container), func(t text) bool { return strings.Contains(t.value, strings.TrimSuffix(folder, "/")+"/") })
}
