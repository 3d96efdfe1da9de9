package known

import "slices"

// A Mesh redirects a pod's traffic to a proxy in it; see the head of meshes.yaml.
type Mesh struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Evidence Evidence `json:"evidence"`
	// Proxies, Inits and Checks are names of containers.
	Proxies []string `json:"proxies"`
	Inits   []string `json:"inits"`
	Checks  []string `json:"checks,omitempty"`
	// Code is the exit code of Checks that has a meaning of its own, Means what it is.
	Code  int32  `json:"code,omitempty"`
	Means string `json:"means,omitempty"`
	// Agent is the label of the pods that set up what Checks look for.
	Agent string `json:"agent,omitempty"`
	UID   int64  `json:"uid"`
	// Bypass says how to let traffic past the proxy, Bypasses are the annotations for it.
	Bypass   string   `json:"bypass"`
	Bypasses []string `json:"bypasses"`
	// Native are the annotations of pods whose proxy is to be a native sidecar; empty where versions differ in them.
	Native map[string]string `json:"native,omitempty"`
	// Skip keeps the proxy out of a pod.
	Skip string `json:"skip"`
	OS   string `json:"os"`
	// HostUsers is why Checks fail in a pod with a user namespace; empty where nobody reported it.
	HostUsers string   `json:"hostUsers,omitempty"`
	Sources   []Source `json:"sources"`
}

// Meshes are all there is.
func Meshes() []Mesh { return slices.Clone(meshes()) }

// MeshOfInit is the mesh that an init container of that name belongs to; nil when there is none.
func MeshOfInit(container string) *Mesh {
	return meshOf(func(m Mesh) bool { return slices.Contains(m.Inits, container) || slices.Contains(m.Checks, container) })
}

// MeshOfProxy is the mesh whose proxy runs in a container of that name; nil when there is none.
func MeshOfProxy(container string) *Mesh {
	return meshOf(func(m Mesh) bool { return slices.Contains(m.Proxies, container) })
}

func meshOf(fits func(Mesh) bool) *Mesh {
	list := meshes()
	if i := slices.IndexFunc(list, fits); i >= 0 {
		return &list[i]
	}
	return nil
}
