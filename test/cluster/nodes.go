package cluster

// Node is a real kubelet.
type Node struct{ Component }

// FakeNode is a Node object without a kubelet.
type FakeNode struct{}
