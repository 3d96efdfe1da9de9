package pods

import (
	"strconv"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/utils/ptr"
)

// completionIndex is which of the pods of an Indexed Job it is; "" for others. From 1.28 on it is a label, too.
func (p subject) completionIndex() string {
	if index := p.Labels[batchv1.JobCompletionIndexAnnotation]; index != "" {
		return index
	}
	return p.Annotations[batchv1.JobCompletionIndexAnnotation]
}

// givenUp is the pod's index where its Job does not try that again, by backoffLimitPerIndex or a FailIndex rule, though
// it goes on with others; "" where that is not known.
func (p subject) givenUp() string {
	j, index := p.job(), p.completionIndex()
	if j == nil || index == "" || !inIntervals(ptr.Deref(j.Status.FailedIndexes, ""), index) {
		return ""
	}
	return index
}

// inIntervals reports whether a number is in a list as the Job controller writes it: "1,3-5,7".
func inIntervals(list, number string) bool {
	n, err := strconv.Atoi(number)
	if err != nil {
		return false
	}
	for part := range strings.SplitSeq(list, ",") {
		from, to, is := strings.Cut(part, "-")
		if !is {
			to = from
		}
		first, err1 := strconv.Atoi(from)
		last, err2 := strconv.Atoi(to)
		if err1 == nil && err2 == nil && first <= n && n <= last {
			return true
		}
	}
	return false
}
