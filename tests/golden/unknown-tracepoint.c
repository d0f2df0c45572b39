//! format irq:softirq_entry
//! file softirqs.lua
//! line 30
TRACEPOINT_PROBE(irq, softirq_entry) { return 0; }
	TRACEPOINT_PROBE(irq, foo) { return 0; }
