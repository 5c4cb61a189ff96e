//! Words that names and addresses are made of.
//!
//! Written for this project from common knowledge of Chinese names: which surnames are frequent (shares after the figures
//! that the Ministry of Public Security publishes each year, rounded) and which given names were
//! in fashion when. No list was copied.

/// Surnames by share: each line gives the share of every name on it, in ten-thousandths.
pub(crate) const SURNAMES: &str = "\
722 王 李
683 张
538 刘
453 陈
308 杨
229 赵
223 黄
212 周
205 吴
195 徐 孙
150 胡 朱 高 林 何 郭 马
120 罗 梁 宋 郑 谢
95 韩 唐 冯 于 董 肖
80 程 曹 袁 邓 许 傅 沈 曾 彭 吕
62 苏 卢 蒋 蔡 贾 丁 魏 薛 叶 闫
55 余 潘 杜 戴 夏 钟 汪 田 任 姜
45 范 方 石 姚 谭 廖 邹 熊 金 陆
38 郝 孔 白 崔 康 毛 邱 秦 江 史
33 顾 侯 邵 孟 龙 万 段 雷 钱 汤
26 尹 黎 易 常 武 乔 贺 赖 龚 文
22 庞 樊 兰 殷 施 陶 洪 翟 安 颜
20 倪 严 牛 温 芦 季 俞 章 鲁 葛
18 伍 韦 申 尤 毕 聂 丛 焦 向 柳
16 邢 路 岳 齐 梅 莫 庄 辛 管 祝
14 左 涂 谷 祁 时 舒 耿 牟 卜 詹
13 关 苗 凌 费 纪 靳 盛 童 欧 甄
12 项 曲 成 游 阳 裴 席 卫 查 屈
11 鲍 位 覃 霍 翁 隋 植 甘 景 薄
10 单 包 司 柏 宁 柯 阮 桂 闵 欧阳
9 解 强 柴 华 车 冉 房 边 辜 吉
8 饶 刁 瞿 戚 丘 古 米 池 滕 晋
7 苑 邬 臧 畅 宫 来 鄂 苟 全 褚
6 廉 简 娄 盖 符 奚 木 穆 党 燕
5 郎 邸 冀 谈 姬 屠 连 郜 晏 栾
4 郁 商 蒙 计 喻 揭 窦 迟 宇 敖
4 糜 鄢 冷 卓 花 仇 艾 蓝 都 巩
3 稽 井 练 仲 乐 虞 卞 封 竺 冼
3 原 官 衣 楚 佟 栗 匡 宗 应 台
2 巫 鞠 麻 桑 荆 谌 银 扬 明 沙
2 隆 伏 岑 习 胥 保 和 蔺 上官 司马
2 司徒 诸葛 皇甫 尉迟 夏侯 慕容 令狐 东方 公孙 闻人
1 司空 端木 南宫 万俟 轩辕 宇文 长孙 申屠 赫连 鲜于";

/// Given names of one sex in one generation.
pub(crate) struct GivenWords {
    /// Names that many bear.
    pub(crate) common: &'static str,
    /// First characters of two-character names.
    pub(crate) lead: &'static str,
    /// Second characters, and names of one character.
    pub(crate) tail: &'static str,
    /// How many in a thousand bear one character.
    pub(crate) single: u32,
}

/// First birth year of each generation in [`MALE`] and [`FEMALE`] but the first.
pub(crate) const GENERATIONS: [i32; 6] = [1950, 1965, 1980, 1990, 2000, 2010];

/// Men's names by generation.
pub(crate) const MALE: [GivenWords; 7] = [
    GivenWords {
        common: "德福 金山 玉山 长根 福生 根生 永福 树林 连生 有才 宝山 国良 文彬 世昌 德明 金生 水生 友善 兴旺 长贵 玉堂 富贵 \
                 广田 万山 凤山 振华 耀宗 光荣 守仁 士林 炳文 庆祥 云龙 海山 启明",
        lead: "德福金玉长永树有宝文世士守炳振耀光兆鸿荣贵庆瑞云春学正仁义家仕克绍汝锡",
        tail: "山生根林才良彬昌明贵堂田华宗荣仁文祥龙海福寿财旺祖安发义清元顺德法泉",
        single: 60,
    },
    GivenWords {
        common: "建国 建华 国强 国庆 志强 志刚 卫国 爱国 建军 建平 和平 解放 援朝 跃进 国平 建民 建设 永强 新民 卫东 \
                 红星 胜利 援越 国华 国栋 志明 志国 振国 学军 光明 保国 建新 忠诚 向阳 东升 立新 德华 新华 文革",
        lead: "建国志卫爱和永新保振学光明红胜向立忠德文庆春广宝金长玉福海成大世正",
        tail: "国华强庆刚军平民设生东新明阳升林山海江河义良发忠才贵富田成利根祥和安",
        single: 150,
    },
    GivenWords {
        common: "志强 伟明 建军 建华 海波 晓东 晓明 文军 永刚 卫东 红兵 军民 建伟 志伟 志勇 国辉 建辉 宏伟 海涛 立军 \
                 俊峰 学文 春林 小平 少华 庆华 建林 振宇 云飞 建斌 海军 忠明 文斌 大伟 爱民 向东 长江 春雷",
        lead: "志伟建海晓文永卫红军宏立俊学春小少庆振云忠大爱向长国明德光玉世新金正成",
        tail: "强明军华波东刚兵民伟勇辉涛峰林平宇飞斌江雷文武生良杰辉荣松清超宁健毅",
        single: 320,
    },
    GivenWords {
        common: "伟 勇 磊 涛 超 鹏 军 杰 强 斌 志鹏 海涛 建伟 晓峰 志伟 俊杰 文杰 文斌 永强 晓东 立伟 国栋 少华 \
                 海龙 大鹏 云飞 振华 洪涛 小龙 春雷 智勇 志远 明辉 海洋 庆龙 家伟 文涛 嘉伟 世杰",
        lead: "志海建晓俊文永立国少大云振洪小春智明庆家世嘉伟宏佳正天书思景景成新",
        tail: "鹏涛伟峰杰斌强东华龙飞雷勇远辉洋超磊军刚亮波凯健毅宁旭晖松林成博",
        single: 420,
    },
    GivenWords {
        common: "鑫 浩 杰 磊 凯 鹏 宇 帅 俊杰 志豪 嘉豪 文博 家豪 浩然 天宇 子豪 俊豪 宇航 嘉伟 鹏飞 文杰 志伟 博文 \
                 明轩 泽宇 健文 思远 伟杰 晨光 旭东 天翔 昊天 一鸣 文轩 佳俊 振宇 云鹏 冠宇",
        lead: "志嘉文家浩天子俊宇鹏博明泽思伟晨旭昊一佳振云冠世晓永立雨景润柏承",
        tail: "豪杰博然宇航伟飞轩远光东翔天鸣俊鹏凯鑫阳龙辉哲成洋超健涛毅林文楠",
        single: 330,
    },
    GivenWords {
        common: "浩然 子轩 宇轩 浩宇 子豪 俊杰 宇航 天佑 博文 文博 子涵 梓轩 皓轩 浩轩 俊熙 嘉豪 家豪 明轩 泽宇 雨泽 \
                 子墨 一鸣 天宇 晨曦 思源 睿 昊 梓豪 鹏宇 振轩 思远 子昂 弘文 烨磊 晟睿 文昊",
        lead: "浩子宇俊天博文梓皓嘉家明泽雨一晨思鹏振弘烨晟昊睿致瑾佳铭煜承景",
        tail: "然轩宇豪杰航佑文博涵熙泽墨鸣曦源昂磊睿昊辰阳霖哲铭瑞翔恒凡逸",
        single: 120,
    },
    GivenWords {
        common: "浩宇 子轩 浩然 宇轩 梓睿 沐宸 奕辰 宇辰 子睿 浩轩 一诺 俊熙 铭泽 宇泽 泽宇 梓豪 子墨 皓宇 亦辰 子恒 \
                 奕泽 嘉懿 煜城 懿轩 烨伟 苑博 伟泽 熠彤 鸿煊 博涛 沐辰 若尘 屹然 景行 云舟 知行 子默",
        lead: "浩子宇梓沐奕一俊铭泽皓亦嘉煜懿烨熠鸿博若屹景云知辰瑾书予星柏楷",
        tail: "宇轩然睿宸辰诺熙泽豪墨恒懿城霖阳尘行舟安言翊晨哲瑞洋珩凡远航",
        single: 40,
    },
];

/// Women's names by generation.
pub(crate) const FEMALE: [GivenWords; 7] = [
    GivenWords {
        common: "淑英 秀英 桂英 玉兰 桂兰 淑珍 秀兰 凤英 玉英 桂珍 素珍 金花 凤兰 秀珍 玉珍 兰英 桂芳 淑兰 素英 翠花 \
                 荷花 月英 金凤 玉梅 桂花 腊梅 春兰 小妹 招娣 来弟 阿妹 巧云 惠芳 凤仙 瑞英 贵珍",
        lead: "淑秀桂玉凤素金兰翠荷月腊春招巧惠瑞贵宝爱美银彩菊杏梅莲琴香云",
        tail: "英兰珍花芳梅凤妹娣云仙娥莲琴香芝菊秀玉华珠英贞娟芬霞",
        single: 30,
    },
    GivenWords {
        common: "秀英 桂英 玉兰 建华 淑芬 玉梅 秀兰 桂兰 爱华 红梅 秀珍 春梅 淑华 桂芳 丽华 玉华 秀芳 爱珍 凤英 素芳 \
                 月华 惠珍 美英 爱英 国英 建英 红英 新华 和平 爱玲 金凤 美华 秀梅 玉芳 淑琴 桂荣 亚萍",
        lead: "秀桂玉建淑爱红春丽凤素月惠美国新金亚兰翠小雪莲琴志文雅彩云",
        tail: "英兰华芬梅珍芳玲凤琴荣萍霞娟莲菊云香清敏红芝珠娥平",
        single: 110,
    },
    GivenWords {
        common: "丽 敏 静 红 艳 秀丽 丽华 红梅 晓红 丽娟 小红 海燕 红霞 春梅 丽萍 晓梅 玉梅 爱华 丽君 惠敏 秀芳 建红 \
                 雪梅 红艳 丽丽 美玲 海霞 春燕 亚丽 秀云 慧敏 小燕 晓燕 文静 桂芳 玉玲 金梅 丽芳",
        lead: "丽秀红晓小海春玉爱惠建雪美亚慧文桂金云燕静敏艳芳冬新雅彩淑志",
        tail: "华梅红娟燕霞萍君敏芳艳玲云丽静英琴香琼莉兰芬荣清洁颖蓉",
        single: 330,
    },
    GivenWords {
        common: "静 丽 敏 娟 艳 芳 丹 燕 婷 雪 丽娟 婷婷 丹丹 晓燕 海燕 雪梅 春燕 丽丽 晶晶 艳红 佳 颖 莉莉 小芳 \
                 文静 玉洁 晓丽 雅静 慧敏 美娟 倩 娜 璐 菲 媛媛 晓娟 艳丽 秀丽 雅琴 晓婷",
        lead: "丽婷晓海雪春佳文玉雅慧美艳秀小静思倩莉媛梦晨欣红娜云冬嘉瑞",
        tail: "娟婷燕丹梅丽晶红洁静敏芳琴颖莉倩娜璐菲媛雪玲霞君蕾琳玮",
        single: 430,
    },
    GivenWords {
        common: "婷 雪 静 悦 颖 婷婷 雨欣 佳怡 思雨 雪莹 梦婷 佳慧 雅婷 梦瑶 诗琪 静怡 晓雪 欣怡 雅琪 慧敏 思琪 雨婷 \
                 梦洁 嘉欣 晓彤 倩倩 梦雪 文静 若男 诗雨 紫薇 雪婷 佳琪 雅文 嘉怡 敏仪",
        lead: "婷雨佳思雪梦雅诗静晓欣慧嘉倩文若紫敏美怡可心春依丹玉海莹",
        tail: "婷欣怡雨莹慧瑶琪雪洁彤薇文颖悦静敏倩娜璐玲琳佳妮蕊思萱",
        single: 270,
    },
    GivenWords {
        common: "欣怡 诗涵 梓涵 雨涵 子涵 佳怡 欣妍 思涵 紫涵 雨欣 可欣 一诺 雨桐 语嫣 诗琪 思彤 梦琪 佳琪 馨怡 若曦 \
                 雅琪 梦瑶 子萱 紫萱 语桐 静怡 雨萱 嘉怡 思雨 心怡 依诺 晨曦 婧 睿 悦",
        lead: "欣诗梓雨子佳思紫可一语梦馨若雅静嘉心依晨婧悦钰艺芷书宛怡",
        tail: "怡涵欣妍诺桐嫣琪彤曦瑶萱雨然悦宁瑾婷汐琳颖珊蕊岚妤",
        single: 90,
    },
    GivenWords {
        common: "梓涵 一诺 欣怡 诗涵 依诺 梓萱 子涵 欣妍 雨桐 可馨 语桐 若汐 沐瑶 芷若 苡沫 奕涵 思语 艺涵 语汐 钰彤 \
                 梓玥 可欣 雨萱 心妍 若溪 书瑶 念安 清欢 苏晚 知夏 南乔 锦书 安然 初夏 星辰 昕怡",
        lead: "梓一欣诗依子雨可语若沐芷苡奕思艺钰心书念清知锦安初星昕予伊婉",
        tail: "涵诺怡萱妍桐馨汐瑶若沫语彤玥溪安欢夏乔书然辰宁希菲悠晴",
        single: 35,
    },
];

/// Names of Uyghurs and Kazakhs: one's own and the father's.
pub(crate) const UYGHUR_MALE: &str = "买买提 阿卜杜拉 艾山 吐尔逊 艾合买提 库尔班 玉素甫 伊力哈木 热合曼 阿不力孜 卡德尔 木沙 托合提 亚森 艾力";
/// Women's names of the same.
pub(crate) const UYGHUR_FEMALE: &str = "阿依古丽 古丽娜尔 热孜万古丽 帕提古丽 阿孜古丽 祖丽胡玛尔 古丽米热 茹克亚 阿依努尔 迪丽努尔 海丽切姆 美合日班";
/// Names of Tibetans, in pairs of two.
pub(crate) const TIBETAN: &str = "扎西 次仁 多吉 平措 旺堆 洛桑 丹增 格桑 达瓦 尼玛 巴桑 普布 边巴 索朗 次旦";
/// What Tibetan women's names end with.
pub(crate) const TIBETAN_FEMALE: &str = "卓玛 央金 拉姆 卓嘎 曲珍 白玛 措姆 德吉 央宗";

/// Ethnic groups with most people after the Han, by province (first two digits), in thousandths of its people. Rounded from
/// the census of 2020.
pub(crate) const ETHNIC: [(u32, &[(&str, u32)]); 16] = [
    (15, &[("蒙古族", 177), ("满族", 19)]),
    (21, &[("满族", 120), ("蒙古族", 15)]),
    (22, &[("朝鲜族", 40), ("满族", 32)]),
    (23, &[("满族", 16), ("朝鲜族", 8)]),
    (42, &[("土家族", 37), ("苗族", 4)]),
    (43, &[("土家族", 44), ("苗族", 31), ("侗族", 14)]),
    (45, &[("壮族", 314), ("瑶族", 33), ("苗族", 11)]),
    (46, &[("黎族", 145)]),
    (51, &[("彝族", 52), ("藏族", 18), ("羌族", 4)]),
    (52, &[("苗族", 117), ("布依族", 70), ("侗族", 43), ("土家族", 44)]),
    (53, &[("彝族", 107), ("白族", 34), ("哈尼族", 35), ("傣族", 27), ("壮族", 26)]),
    (54, &[("藏族", 860)]),
    (62, &[("回族", 53), ("藏族", 21), ("东乡族", 24)]),
    (63, &[("藏族", 251), ("回族", 160), ("土族", 35)]),
    (64, &[("回族", 355)]),
    (65, &[("维吾尔族", 450), ("哈萨克族", 61), ("回族", 43)]),
];

/// Streets without 路, 街, 大道.
pub(crate) const STREETS: &str = "中山 人民 解放 建设 和平 新华 胜利 文化 青年 光明 幸福 团结 友谊 红旗 东风 朝阳 迎宾 滨江 滨河 学府 科技 工业 \
    振兴 兴业 富强 民主 健康 体育 公园 湖滨 江南 江北 城东 城西 城南 城北 环城 长江 黄河 泰山 黄山 珠江 北京 上海 南京 广州 翠竹 \
    梧桐 桂花 玉兰 紫荆 丹桂 凤凰 龙腾 锦绣 金桥 银河 星光 月牙 望江 临江 石桥 古楼 钟楼 鼓楼 府前 文昌 崇文 育才 求是 明德 仁爱";
/// Housing estates.
pub(crate) const ESTATES: &str = "翠苑小区 阳光花园 锦绣家园 幸福里 金色家园 水岸名都 绿城百合 碧水湾 东方花园 和谐家园 华府 紫金苑 丽景苑 世纪城 \
    望江苑 怡景花园 桃源居 康乐小区 教师新村 铁路新村 纺织小区 龙湖苑 香樟园 梅园小区 兰亭苑 竹园小区 滨河家园 天鹅湖 凤凰城 御景园 \
    书香门第 金茂府 万和城 安居苑 惠民小区 东湖花园 西湖新村 南苑小区 北苑家园 中央公馆 时代广场";
/// Towns without 镇, 乡.
pub(crate) const TOWNS: &str = "城关 太平 石桥 双河 永安 青龙 白马 黄金 清水 龙泉 大石 柳林 双龙 高桥 新市 永兴 三合 石门 龙门 兴隆 马家 白沙 东风 \
    南山 花园 仙桥 大路 沙河 金沟 古城 长乐 河口 沿江 西湖 桃花 红石 青山 平安 回龙 安平 万年 福田 枫树 梅林 杨柳 官渡 店子 临河";
/// Villages without 村.
pub(crate) const VILLAGES: &str = "王家庄 李家湾 张家坪 陈家沟 刘家营 赵家岗 杨家寨 周家桥 吴家坝 孙家堡 大李庄 小王庄 前进 红星 新民 和平 东风 团结 \
    双桥 大塘 石头 柳树 梨园 桃园 竹林 杏花 河东 河西 山前 岭下 上坪 下湾 新屋 老屋 祠堂 观音 土桥 石板 黄泥 红岩 青石 白云 龙潭 虎头 \
    凤鸣 鹅塘 马鞍 牛角 羊山 鸡冠";

/// Makers and traders: brand, then trade.
pub(crate) const BRANDS: &str = "华泰 金鼎 恒通 远大 宏达 天元 瑞丰 中天 新世纪 东方 星海 永盛 鼎盛 隆昌 嘉禾 万通 博远 汇丰源 正大康 长青 南方 北辰 同创 联发";
/// What they do.
pub(crate) const TRADES: &str = "机械制造 电子科技 建筑工程 物流运输 商贸 纺织服装 食品 信息技术 房地产开发 化工 医药 汽车零部件 家具 餐饮管理 物业管理 新能源";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surnames_are_about_three_hundred_with_compound_ones() {
        let names: Vec<&str> = SURNAMES.lines().flat_map(|line| line.split(' ').skip(1)).collect();
        assert!(names.len() >= 280, "{}", names.len());
        assert!(names.contains(&"欧阳") && names.contains(&"诸葛"));
    }
}
