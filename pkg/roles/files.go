package roles

import (
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
)

var (
	follows = pattern.New(`\btail\s+(?:-\S+\s+)*(?:-[a-zA-Z]*[fF]\b|--follow\S*)[^;&|\n]*`)
	paths   = pattern.New(`(?:^|[\s"'=>])(/[\w./*@-]+)`)
	// shippers are known software that follows files.
	shippers = []string{"fluent-bit", "fluentd", "vector", "filebeat", "promtail"}
)

// files finds who reads files that somebody else writes.
func (j *judge) files() {
	for i := range j.Containers {
		c := &j.Containers[i]
		if c.Init && !c.native() {
			continue
		}
		for _, t := range j.texts[i] {
			if t.hook != "" || !strings.Contains(t.value, "tail") {
				continue
			}
			for _, command := range follows.FindAllString(t.value, -1) {
				for _, m := range paths.FindAllStringSubmatch(command, -1) {
					j.followed(i, m[1], t, command)
				}
			}
		}
		j.shipped(i)
		j.fed(i)
	}
}

// followed is a file that a container follows: others may write it.
func (j *judge) followed(i int, file string, t text, command string) {
	c := &j.Containers[i]
	for _, w := range j.sharing(i, file) {
		j.edge(c, &j.Containers[w], Reads, High, Edge{File: file, Evidence: []Evidence{j.evidence(c, command, t.field...)}})
	}
}

// sharing are the other regular containers that can write a file of a container: they mount its volume, an emptyDir.
// Those that name the file come alone.
func (j *judge) sharing(i int, file string) []int {
	volume, rest := j.mountOf(i, file)
	if !j.emptyDir(volume) {
		return nil
	}
	var out, named []int
	for w := range j.Containers {
		if w == i || j.Containers[w].Init && !j.Containers[w].native() {
			continue
		}
		m := mount(j.Containers[w].Container, volume)
		if m == nil || m.ReadOnly {
			continue
		}
		out = append(out, w)
		if _, ok := j.names(w, volume, rest); ok && !follows.MatchString(line(j.texts[w], "")) {
			named = append(named, w)
		}
	}
	if len(named) > 0 {
		return named
	}
	return slices.DeleteFunc(out, func(w int) bool { return follows.MatchString(line(j.texts[w], "")) })
}

// names is the field in which a container names a file of a volume.
func (j *judge) names(i int, volume, rest string) (text, bool) {
	for _, t := range j.texts[i] {
		for _, m := range paths.FindAllStringSubmatch(t.value, -1) {
			v, r := j.mountOf(i, m[1])
			if v != volume {
				continue
			}
			if match, _ := path.Match(strings.ReplaceAll(rest, "\x00", ""), strings.ReplaceAll(r, "\x00", "")); match {
				return t, true
			}
		}
	}
	return text{}, false
}

func mount(c *corev1.Container, volume string) *corev1.VolumeMount {
	i := slices.IndexFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == volume })
	if i < 0 {
		return nil
	}
	return &c.VolumeMounts[i]
}

func (j *judge) emptyDir(volume string) bool {
	return slices.ContainsFunc(j.Workload.Spec().Volumes, func(v corev1.Volume) bool { return v.Name == volume && v.EmptyDir != nil })
}

// shipped: known software that ships logs, and mounts read-only what another container writes.
func (j *judge) shipped(i int) {
	c := &j.Containers[i]
	if c.Software == nil || !slices.Contains(shippers, c.Software.ID) {
		return
	}
	for k, m := range c.VolumeMounts {
		if !j.emptyDir(m.Name) {
			continue
		}
		certainty := Medium
		if m.ReadOnly {
			certainty = High
		}
		for w := range j.Containers {
			other := &j.Containers[w]
			ships := other.Software != nil && slices.Contains(shippers, other.Software.ID)
			if theirs := mount(other.Container, m.Name); w != i && !other.Init && theirs != nil && !theirs.ReadOnly && !ships {
				e := []Evidence{j.evidence(c, m.Name+" at "+m.MountPath, "volumeMounts", itoa(k))}
				j.edge(c, other, Reads, certainty, Edge{File: m.MountPath, Evidence: e})
			}
		}
	}
}

// fed: another container mounts read-only what this one can write.
func (j *judge) fed(i int) {
	c := &j.Containers[i]
	for k, m := range c.VolumeMounts {
		if m.ReadOnly || !j.emptyDir(m.Name) {
			continue
		}
		for w := range j.Containers {
			other := &j.Containers[w]
			if theirs := mount(other.Container, m.Name); w != i && !other.Init && theirs != nil && theirs.ReadOnly && !j.reads(other, c) {
				e := []Evidence{j.evidence(c, m.Name+" at "+m.MountPath, "volumeMounts", itoa(k))}
				j.edge(c, other, Feeds, Medium, Edge{File: m.MountPath, Evidence: e})
			}
		}
	}
}

// reads reports whether a container follows files of another one, or ships them.
func (j *judge) reads(reader, writer *Container) bool {
	shipper := reader.Software != nil && slices.Contains(shippers, reader.Software.ID)
	return shipper || follows.MatchString(line(j.texts[j.place(reader.Name)], "")) ||
		slices.ContainsFunc(j.Edges, func(e Edge) bool { return e.Kind == Reads && e.From == reader.Name && e.To == writer.Name })
}
