package facts

import (
	"encoding/json"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"
)

type containerStatus = corev1.ContainerStatus

func timesOf(state *corev1.ContainerState) []time.Time {
	var out []time.Time
	if state.Running != nil {
		out = append(out, state.Running.StartedAt.Time)
	}
	if state.Terminated != nil {
		out = append(out, state.Terminated.StartedAt.Time, state.Terminated.FinishedAt.Time)
	}
	return out
}

// pastFields are the fields that say when something was seen or happened, wherever in a status they stand.
// What is not among them may lie ahead: notAfter, renewalTime, deletionTimestamp.
var pastFields = []string{
	"lastHeartbeatTime", "lastTransitionTime", "lastUpdateTime", "lastProbeTime", "lastObservedTime",
	"startTime", "completionTime", "startedAt", "finishedAt", "lastScheduleTime", "lastSuccessfulTime", "lastScaleTime",
}

// A datedObject is an object of any kind, as far as it may say when something happened. Annotations are
// not times, whatever they look like, and nor is what somebody wishes: of specs only that of a Lease says when
// something was done.
type datedObject struct {
	Metadata struct {
		CreationTimestamp any `json:"creationTimestamp"`
		ManagedFields     []struct {
			Time any `json:"time"`
		} `json:"managedFields"`
	} `json:"metadata"`
	Spec struct {
		AcquireTime any `json:"acquireTime"`
		RenewTime   any `json:"renewTime"`
	} `json:"spec"`
	Status json.RawMessage `json:"status"`
	// Those of events, of both API groups.
	FirstTimestamp           any `json:"firstTimestamp"`
	LastTimestamp            any `json:"lastTimestamp"`
	EventTime                any `json:"eventTime"`
	DeprecatedFirstTimestamp any `json:"deprecatedFirstTimestamp"`
	DeprecatedLastTimestamp  any `json:"deprecatedLastTimestamp"`
	Series                   struct {
		LastObservedTime any `json:"lastObservedTime"`
	} `json:"series"`
}

// timesIn shows the times that an object mentions, also in what is not kept of it.
func timesIn(h header, raw []byte, show func(time.Time)) {
	see := func(values ...any) {
		for _, v := range values {
			text, _ := v.(string)
			if t, err := time.Parse(time.RFC3339, text); err == nil {
				show(t)
			}
		}
	}
	var o datedObject
	// What does not fit, as in objects of other kinds, is left out.
	_ = kjson.UnmarshalCaseSensitivePreserveInts(raw, &o)
	see(o.Metadata.CreationTimestamp, o.FirstTimestamp, o.LastTimestamp, o.EventTime, o.DeprecatedFirstTimestamp, o.DeprecatedLastTimestamp, o.Series.LastObservedTime)
	for _, m := range o.Metadata.ManagedFields {
		see(m.Time)
	}
	if h.name(h.Kind) == leaseKind {
		see(o.Spec.AcquireTime, o.Spec.RenewTime)
	}
	var status any
	if len(o.Status) > 0 && json.Unmarshal(o.Status, &status) == nil {
		pastTimes(status, see)
	}
}

// pastTimes shows the times in a status that have passed.
func pastTimes(value any, see func(...any)) {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			if slices.Contains(pastFields, key) {
				see(inner)
			}
			pastTimes(inner, see)
		}
	case []any:
		for _, inner := range v {
			pastTimes(inner, see)
		}
	}
}

// date notes the newest times of an object of the file.
func (f *file) date(h header, raw []byte) { timesIn(h, raw, f.snapshot.seeTime) }

// seeTime keeps the two latest times.
func (s *Snapshot) seeTime(t time.Time) {
	switch {
	case t.After(s.Newest.Time):
		s.NextNewest, s.Newest = s.Newest, metav1.NewTime(t)
	case t.Before(s.Newest.Time) && t.After(s.NextNewest.Time):
		s.NextNewest = metav1.NewTime(t)
	}
}

// dateLists notes the newest time of a snapshot that does not say when it was taken.
func (f *file) dateLists(raw []byte) {
	var lists map[string]json.RawMessage
	if !f.snapshot.TakenAt.IsZero() || json.Unmarshal(raw, &lists) != nil {
		return
	}
	for _, list := range lists {
		var objects []json.RawMessage
		if json.Unmarshal(list, &objects) != nil {
			continue
		}
		for _, o := range objects {
			f.date(header{}, o)
		}
	}
}
