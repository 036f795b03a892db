// Numbers of include/uapi/linux/{netlink,rtnetlink,if_link,if_addr,pkt_sched,pkt_cls}.h, under the kernel's names.

// Sockets
export const AF_UNSPEC = 0;
export const AF_BRIDGE = 7;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_CLOEXEC = 0o2000000;
export const NETLINK_ROUTE = 0;
export const NETLINK_GENERIC = 16;
export const SOL_SOCKET = 1;
export const SOL_NETLINK = 270;
export const SO_RCVBUF = 8;
export const SO_RCVTIMEO = 20;
/** Acknowledgements without a copy of the request. Since Linux 4.2. */
export const NETLINK_CAP_ACK = 10;
/** Errors explained in words. Since Linux 4.12. */
export const NETLINK_EXT_ACK = 11;
/** Dumps that honour the filter in the request. Since Linux 4.20. */
export const NETLINK_GET_STRICT_CHK = 12;
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
/** Of `sockaddr_nl.nl_groups` (include/uapi/linux/rtnetlink.h). */
export const RTMGRP_LINK = 1;

// Messages
export const NLMSG_NOOP = 1;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
export const NLM_F_REQUEST = 0x1;
export const NLM_F_MULTI = 0x2;
export const NLM_F_ACK = 0x4;
export const NLM_F_ECHO = 0x8;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_DUMP = 0x300;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
/** In an acknowledgement: the copy of the request is its header only. */
export const NLM_F_CAPPED = 0x100;
export const NLM_F_ACK_TLVS = 0x200;
// enum nlmsgerr_attrs
export const NLMSGERR_ATTR_MSG = 1;
export const NLMSGERR_ATTR_OFFS = 2;
/** Since Linux 5.10. */
export const NLMSGERR_ATTR_POLICY = 4;
/** Since Linux 6.1. */
export const NLMSGERR_ATTR_MISS_TYPE = 5;
export const NLMSGERR_ATTR_MISS_NEST = 6;
// enum netlink_policy_type_attr
export const NL_POLICY_TYPE_ATTR_MIN_VALUE_S = 2;
export const NL_POLICY_TYPE_ATTR_MAX_VALUE_S = 3;
export const NL_POLICY_TYPE_ATTR_MIN_VALUE_U = 4;
export const NL_POLICY_TYPE_ATTR_MAX_VALUE_U = 5;
export const NL_POLICY_TYPE_ATTR_MIN_LENGTH = 6;
export const NL_POLICY_TYPE_ATTR_MAX_LENGTH = 7;
export const NL_POLICY_TYPE_ATTR_BITFIELD32_MASK = 10;
export const NL_POLICY_TYPE_ATTR_MASK = 12;

// Attributes
export const NLA_F_NESTED = 0x8000;
export const NLA_TYPE_MASK = 0x3fff;

// Requests
export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
export const RTM_SETLINK = 19;
export const RTM_NEWADDR = 20;
export const RTM_GETADDR = 22;
export const RTM_NEWROUTE = 24;
export const RTM_GETROUTE = 26;
export const RTM_NEWQDISC = 36;
export const RTM_DELQDISC = 37;
export const RTM_GETQDISC = 38;
export const RTM_NEWTFILTER = 44;
export const RTM_DELTFILTER = 45;
export const RTM_GETTFILTER = 46;

// Links
export const IFLA_ADDRESS = 1;
export const IFLA_IFNAME = 3;
export const IFLA_MTU = 4;
/** Of a port: the index of what it is a port of. */
export const IFLA_MASTER = 10;
export const IFLA_LINKINFO = 18;
export const IFLA_NET_NS_FD = 28;
export const IFLA_EXT_MASK = 29;
export const IFLA_XDP = 43;
export const IFLA_INFO_KIND = 1;
export const IFLA_INFO_DATA = 2;
export const VETH_INFO_PEER = 1;
// XDP
export const IFLA_XDP_FD = 1;
export const IFLA_XDP_ATTACHED = 2;
export const IFLA_XDP_FLAGS = 3;
export const IFLA_XDP_PROG_ID = 4;
export const IFLA_XDP_DRV_PROG_ID = 5;
export const IFLA_XDP_SKB_PROG_ID = 6;
export const IFLA_XDP_HW_PROG_ID = 7;
/** Since Linux 5.7. */
export const IFLA_XDP_EXPECTED_FD = 8;
export const XDP_FLAGS_SKB_MODE = 2;
export const XDP_FLAGS_DRV_MODE = 4;
export const XDP_FLAGS_REPLACE = 16;
export const XDP_ATTACHED_DRV = 1;
export const XDP_ATTACHED_SKB = 2;
export const XDP_ATTACHED_HW = 3;

/** In IFLA_EXT_MASK: leave the statistics out. */
export const RTEXT_FILTER_SKIP_STATS = 8;
export const IFF_UP = 1;
export const IFNAMSIZ = 16;
/** `ifi_type`, include/uapi/linux/if_arp.h */
export const ARPHRD_ETHER = 1;
export const ARPHRD_LOOPBACK = 772;
const [PPP, RAWIP, TUNNEL, TUNNEL6, SIT, IPGRE, IP6GRE, NONE] = [512, 519, 768, 769, 776, 778, 823, 0xfffe];
/** Types whose packets begin with the IP header at the hooks of TC: dev_is_mac_header_xmit(), include/linux/if_arp.h. */
export const ARPHRD_WITHOUT_HEADER: ReadonlySet<number> = new Set([
  PPP,
  RAWIP,
  TUNNEL,
  TUNNEL6,
  SIT,
  IPGRE,
  IP6GRE,
  NONE,
]);

// Addresses
export const IFA_ADDRESS = 1;
export const IFA_LOCAL = 2;

// Routes
export const RTA_DST = 1;
export const RTA_OIF = 4;
export const RTA_GATEWAY = 5;
export const RTA_METRICS = 8;
/** In RTA_METRICS: bits of those that are locked, and the MTU. */
export const RTAX_LOCK = 1;
export const RTAX_MTU = 2;
export const RT_TABLE_MAIN = 254;
export const RTPROT_STATIC = 4;
export const RT_SCOPE_UNIVERSE = 0;
export const RT_SCOPE_LINK = 253;
export const RTN_UNICAST = 1;

// Traffic control
export const TCA_KIND = 1;
export const TCA_OPTIONS = 2;
export const TCA_CHAIN = 11;
/** Since Linux 4.17. */
export const TCA_INGRESS_BLOCK = 13;
export const TCA_EGRESS_BLOCK = 14;
/** In place of an interface: the parent is the number of a block that interfaces share. */
export const TCM_IFINDEX_MAGIC_BLOCK = 0xffff_ffff;
/** Where the clsact (or ingress) qdisc hangs; never 0, which means the root qdisc. */
export const TC_H_CLSACT = 0xffff_fff1;
export const TC_H_MAJ_CLSACT = 0xffff_0000;
export const TC_H_INGRESS_HOOK = 0xffff_fff2;
export const TC_H_EGRESS_HOOK = 0xffff_fff3;
export const ETH_P_ALL = 0x0003;
export const TCA_BPF_FD = 6;
export const TCA_BPF_NAME = 7;
export const TCA_BPF_FLAGS = 8;
/** Since Linux 4.16. */
export const TCA_BPF_ID = 11;
export const TCA_BPF_FLAG_ACT_DIRECT = 1;
