package pods

import (
	"regexp"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// young is how long a container with such signs may run before that says something.
func young(list []software.Sign) time.Duration {
	if software.AnyStrong(list) {
		return youngWithStrongSign
	}
	return youngWithWeakSign
}

var (
	refusedWords = regexp.MustCompile(`(?i)connection refused|ECONNREFUSED|could ?n[o']t connect|can(?:no|')t connect|failed to connect`)
	localhost    = regexp.MustCompile(`(?i)127\.0\.0\.1|localhost|::1`)
	afterHost    = regexp.MustCompile(`(?i)(?:127\.0\.0\.1|localhost|::1\]?):(\d{2,5})\b`)
	afterPort    = regexp.MustCompile(`(?i)\bport[ =:]+(\d{2,5})\b`)
)

// refusedPort finds, in the words of a program, a connection to the pod itself that was refused, and
// is its port: "dial tcp 127.0.0.1:5432: connect: connection refused". It is 0 when there is none.
func refusedPort(text string) int {
	if !refusedWords.MatchString(text) || !localhost.MatchString(text) {
		return 0
	}
	for _, pattern := range []*regexp.Regexp{afterHost, afterPort} {
		if m := pattern.FindStringSubmatch(text); m != nil {
			return software.PortNumber(m[1])
		}
	}
	return 0
}

// refusedWord matches an answer that says that nobody listens.
var refusedWord = regexp.MustCompile(`connection refused|connection reset|EOF$|no route to host`)
