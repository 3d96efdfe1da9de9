package roles

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// WaitsForFile reports whether a container waits for a file that another one writes.
func (j *Judgment) WaitsForFile(name, writer string) bool {
	return slices.ContainsFunc(j.Edges, func(e Edge) bool {
		return e.Kind == Waits && e.File != "" && e.From == name && e.To == writer
	})
}

// HandsOn is the volume in which a container may find what is not done yet when the others have exited: it keeps data,
// and another container that is to exit may write there. It is empty for what the others call, which works for them, and
// for what they stop: that has an end already.
func (j *Judgment) HandsOn(name string) string {
	c := j.Container(name)
	if c == nil || slices.ContainsFunc(j.Edges, func(e Edge) bool { return e.To == name && (e.Kind == Calls || e.Kind == Stops) }) {
		return ""
	}
	for _, m := range c.VolumeMounts {
		if !j.keepsData(m.Name) {
			continue
		}
		for _, other := range j.Workload.Spec().Containers {
			writes := func(o corev1.VolumeMount) bool { return o.Name == m.Name && !o.ReadOnly }
			if other.Name != name && !j.WaitsForFile(other.Name, name) && slices.ContainsFunc(other.VolumeMounts, writes) {
				return m.Name
			}
		}
	}
	return ""
}

// keepsData reports whether containers can write into a volume.
func (j *Judgment) keepsData(volume string) bool {
	return slices.ContainsFunc(j.Workload.Spec().Volumes, func(v corev1.Volume) bool {
		return v.Name == volume && (v.EmptyDir != nil || v.PersistentVolumeClaim != nil || v.Ephemeral != nil || v.HostPath != nil || v.CSI != nil)
	})
}
