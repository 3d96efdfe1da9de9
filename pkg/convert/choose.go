package convert

// choose decides which containers move.
func (p *Plan) choose(o Options) {
	if len(o.Containers) > 0 {
		p.named(o.Containers)
	}
}
