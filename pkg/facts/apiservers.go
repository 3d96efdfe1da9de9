package facts

import (
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	identityLabel = "apiserver.kubernetes.io/identity"
	identity      = "kube-apiserver"
	// PeerAddressAnnotation is where an API server from 1.36 notes its own address ("host:port").
	PeerAddressAnnotation = "kubernetes.io/peer-advertise-address"
	// leaseFresh is how old the renewal of a live API server's Lease can be: it renews every 10 s.
	leaseFresh = 60 * time.Second
)

// IdentityLease reports whether l is the identity Lease of a kube-apiserver.
func IdentityLease(l *coordinationv1.Lease) bool { return l.Labels[identityLabel] == identity }

// TrimLease keeps what tells API servers apart.
func TrimLease(l *coordinationv1.Lease) coordinationv1.Lease {
	out := coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: l.Name, Namespace: l.Namespace}}
	for key, value := range l.Labels {
		if key == identityLabel || key == "kubernetes.io/hostname" {
			if out.Labels == nil {
				out.Labels = map[string]string{}
			}
			out.Labels[key] = value
		}
	}
	if peer := l.Annotations[PeerAddressAnnotation]; peer != "" {
		out.Annotations = map[string]string{PeerAddressAnnotation: peer}
	}
	out.Spec.HolderIdentity = l.Spec.HolderIdentity
	if l.Spec.RenewTime != nil {
		renewed := metav1.NewMicroTime(l.Spec.RenewTime.UTC().Truncate(time.Microsecond))
		out.Spec.RenewTime = &renewed
	}
	return out
}

// LiveLeases are the Leases that were renewed less than a minute before the newest one. The newest
// stands for the server's clock: the caller's may be wrong, and the API server that answered renews
// its own.
func (s *Snapshot) LiveLeases() []coordinationv1.Lease {
	var newest time.Time
	for _, l := range s.APIServerLeases {
		if l.Spec.RenewTime != nil && l.Spec.RenewTime.After(newest) {
			newest = l.Spec.RenewTime.Time
		}
	}
	var out []coordinationv1.Lease
	for _, l := range s.APIServerLeases {
		if l.Spec.RenewTime != nil && newest.Sub(l.Spec.RenewTime.Time) < leaseFresh {
			out = append(out, l)
		}
	}
	return out
}

// APIServerCount is how many API servers the cluster shows: the live identity Leases or the
// addresses behind the kubernetes Service, whichever are more. API servers on one host share a
// Lease, and a managed control plane may stand behind one address. 0 means that it shows neither.
func (s *Snapshot) APIServerCount() int {
	return max(len(s.LiveLeases()), len(s.APIServerEndpoints))
}
