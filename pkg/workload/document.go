package workload

// InDocument is the object of a document, whatever it is: for the places of its fields.
func InDocument(d *Document) *Workload {
	w := &Workload{Place: d.Place, Object: d.Object, Template: NoTemplate}
	if d.Node != nil && len(d.Node.Content) > 0 {
		w.root = d.Node.Content[0]
	}
	return w
}
