package facts

// WebhookCalls is what an API server counted of its own calls of a webhook with failurePolicy Ignore while the
// canaries were under way: whoever creates a pod is not told that such a webhook was not reached.
type WebhookCalls struct {
	// Webhook is "configuration/webhook".
	Webhook string `json:"webhook"`
	// Answered and FailedOpen count the calls that it answered, and those that failed. Other pods count, too.
	Answered   int `json:"answered"`
	FailedOpen int `json:"failedOpen"`
}

// Heard reports whether it answered every call.
func (w WebhookCalls) Heard() bool { return w.Answered > 0 && w.FailedOpen == 0 }

// CallsOf is what was counted of a webhook; false where nothing was.
func (s *Snapshot) CallsOf(webhook string) (WebhookCalls, bool) {
	for _, w := range s.WebhookCalls {
		if w.Webhook == webhook {
			return w, true
		}
	}
	return WebhookCalls{}, false
}
