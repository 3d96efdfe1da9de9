package workload

import "strings"

// NameOf is a name for a container of the workload, whatever others have one of that name: "job/report/proxy".
func (w *Workload) NameOf(container string) string {
	return strings.ToLower(w.Kind) + "/" + w.Name + "/" + container
}

// NameBeside is what names a container of the workload where others have one of that name, too: the name alone means one in
// each of them.
func (w *Workload) NameBeside(others []*Workload, container string) string {
	for _, o := range others {
		if o.Kind != w.Kind || o.Name != w.Name {
			return w.NameOf(container)
		}
	}
	return container
}

// Meant is the container of the workload that a name means: "proxy" means one of any workload, "job/report/proxy" that of
// the Job report. It is empty where another workload is meant.
func (w *Workload) Meant(name string) string {
	i := strings.LastIndex(name, "/")
	if i >= 0 && !strings.EqualFold(name[:i], w.Kind+"/"+w.Name) {
		return ""
	}
	return name[i+1:]
}
