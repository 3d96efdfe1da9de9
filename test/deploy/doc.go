// Package deploy tests what runs in a cluster: the manifests of deploy/, the policy that holds the service
// account to reading, and the image, on real API servers and a real kubelet.
package deploy
